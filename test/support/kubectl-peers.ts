import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Clients, type ClientOptions, type ClientResult, type ClientsOrReason, runClient, temporaryHome } from './kubectl.ts';
import { removeQuietly, type RealPeers } from './real-peers.ts';

/** Runs a person's clients against the peers: each call asks the next peer. */
export class KubectlPeers {
  readonly peers: RealPeers;
  readonly #kubeconfigs: string[] = [];
  #home = '';
  #turn = 0;

  constructor(peers: RealPeers) {
    this.peers = peers;
  }

  async prepare(): Promise<void> {
    this.#home = await temporaryHome();
    for (const { index } of this.peers.cluster.peers) {
      const file = path.join(this.#home, `kubeconfig-${index}`);
      await writeFile(file, await this.peers.kith(index, ['kubeconfig']), { mode: 0o600 });
      this.#kubeconfigs.push(file);
    }
  }

  async release(): Promise<void> {
    if (this.#home !== '') await removeQuietly(this.#home);
  }

  get home(): string {
    return this.#home;
  }

  /** A kubeconfig of the peer whose turn it is. */
  nextKubeconfig(): string {
    this.#turn += 1;
    return this.#kubeconfigs[this.#turn % this.#kubeconfigs.length] ?? '';
  }

  kubeconfig(index: number): string {
    return this.#kubeconfigs[index] ?? '';
  }

  /** Asks the peer that `peer` names, or the one whose turn it is. */
  async kubectl(clients: Clients, words: readonly string[], options: ClientOptions & { peer?: number } = {}): Promise<ClientResult> {
    return this.#run(clients.kubectl, words, options);
  }

  async helm(clients: Clients, words: readonly string[], options: ClientOptions = {}): Promise<ClientResult> {
    return this.#run(clients.helm ?? 'helm', words, options);
  }

  async #run(program: string, words: readonly string[], options: ClientOptions & { peer?: number }): Promise<ClientResult> {
    const { peer, ...others } = options;
    const KUBECONFIG = peer === undefined ? this.nextKubeconfig() : this.kubeconfig(peer);
    return runClient(program, words, this.#home, { ...others, environment: { KUBECONFIG, ...options.environment } });
  }
}

export function kubectlPeers(peers: RealPeers): KubectlPeers {
  const clients = new KubectlPeers(peers);
  beforeAll(async () => clients.prepare());
  afterAll(async () => clients.release());
  return clients;
}

/** The tests of one version of the clients, or its name and why they can't be run. */
export function withClients(clients: ClientsOrReason, title: string, tests: (clients: Clients) => void): void {
  const missing = 'missing' in clients ? clients.missing : undefined;
  describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (${missing})`, () => {
    if (!('missing' in clients)) tests(clients);
  });
}
