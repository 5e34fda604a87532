import { hostname } from 'node:os';
import type { DesiredObject } from '../../protocol/objects.ts';
import { KITH_VERSION } from '../../protocol/version.ts';
import { httpClient } from '../adapters/http-client/http-client.ts';
import { type ServerCertificate, TlsServer } from '../adapters/https/tls-server.ts';
import { UnixServer } from '../adapters/https/unix-server.ts';
import type { ClusterKeys } from '../adapters/identity/cluster.ts';
import { verifySignature } from '../adapters/identity/signatures.ts';
import { issueServerCertificate, rootHash } from '../adapters/x509/certificates.ts';
import { Api } from '../api/api.ts';
import { CLUSTER_NETWORK_KEY } from '../core/network/pod-subnets.ts';
import { apiServiceAddress, serviceNumbers } from '../core/network/service-range.ts';
import { Hearing } from '../peer/hearing.ts';
import type { Peer } from '../peer/peer.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Replica } from '../ports/replica.ts';
import { advertisedAddresses, hostPortText } from './addresses.ts';
import type { DaemonConfig } from './config.ts';
import { Admitting } from './admitting.ts';
import { apiOfPeer, kithOfPeer } from './api-of-peer.ts';
import { issueTokenFor, tokenHolder } from './account-tokens.ts';
import { createCredential, credentialCounts, issueCredential, kubeconfigText } from './credentials.ts';

export interface ApiServersDeps {
  peer: Peer;
  replica: Replica;
  clock: Clock;
  random: Random;
  log: Log;
}

const CLUSTER_NAMES = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'];

/** The API over TLS and on the local socket, with what Kith adds to Kubernetes' own paths. */
export class ApiServers {
  readonly #deps: ApiServersDeps;
  readonly #config: DaemonConfig;
  readonly #keys: ClusterKeys;
  readonly #admitting: Admitting;
  readonly #hearing: Hearing;
  #tls: TlsServer | undefined;
  #unix: UnixServer | undefined;
  #isReady = false;
  #network: DesiredObject | undefined;
  #serviceAddress = '';
  #unsubscribe: (() => void) | undefined;

  constructor(deps: ApiServersDeps, config: DaemonConfig, keys: ClusterKeys) {
    this.#deps = deps;
    this.#config = config;
    this.#keys = keys;
    this.#hearing = new Hearing({ view: deps.peer.cluster, clock: deps.clock });
    const cluster = { rootHash: rootHash(keys.caCertificate), cluster: keys };
    this.#admitting = new Admitting({ ...deps, verify: verifySignature }, cluster);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { log } = this.#deps;
    const { apiListen, socketPath } = this.#config;
    const handler = this.#createApi().handle;
    this.#hearing.start();
    this.#unix = new UnixServer({ handler, log }, { path: socketPath });
    await this.#unix.start(signal);
    this.#serviceAddress = this.#apiServiceAddress();
    const certificate = await this.#certificate(this.#serviceAddress);
    this.#tls = new TlsServer({ handler, log }, { host: apiListen.host, port: apiListen.port, certificate });
    await this.#tls.start(signal);
    this.#unsubscribe = this.#deps.peer.views.onChanged(() => this.#followServiceAddress());
  }

  /** Where pods find the API (`KUBERNETES_SERVICE_HOST`). */
  #apiServiceAddress(): string {
    return apiServiceAddress(serviceNumbers(this.#deps.replica));
  }

  /** A member that has just joined hears of the range of services with the rest of the state. */
  #followServiceAddress(): void {
    const network = this.#deps.replica.get(CLUSTER_NETWORK_KEY);
    if (network === this.#network) return;
    this.#network = network;
    const address = this.#apiServiceAddress();
    if (address === this.#serviceAddress) return;
    this.#serviceAddress = address;
    const failed = (error: unknown): void =>
      this.#deps.log.error('the API has no certificate for its address in the cluster', { address, error });
    this.#certificate(address).then((certificate) => this.#tls?.reload(certificate), failed);
  }

  async #certificate(serviceAddress: string): Promise<ServerCertificate> {
    const { caCertificate, caKey } = this.#keys;
    const names = [...new Set([this.#config.nodeName, hostname(), ...CLUSTER_NAMES])];
    const addresses = [...new Set([...advertisedAddresses(this.#config), '127.0.0.1', '::1', serviceAddress])];
    const ca = { certificate: caCertificate, key: caKey };
    const { key, certificate } = await issueServerCertificate(ca, { names, addresses }, this.#deps.clock.now());
    return { key, certificate, clientCa: caCertificate };
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#hearing.stop();
    await Promise.all([this.#tls?.stop(), this.#unix?.stop()]);
  }

  /** From now on `/readyz` says so, once the others have been heard. */
  ready(): void {
    this.#isReady = true;
    this.#hearing.listens();
  }

  #unready(): string[] {
    if (!this.#isReady) return ['the daemon is starting'];
    return this.#hearing.over() === undefined ? [] : [`has not heard yet: ${this.#hearing.unheard().join(', ')}`];
  }

  url(): string {
    return `https://${hostPortText(advertisedAddresses(this.#config)[0] ?? '127.0.0.1', this.#config.apiListen.port)}`;
  }

  #createApi(): Api {
    const { peer, replica, clock, random, log } = this.#deps;
    const { view } = peer;
    const tokens = { replica, keys: this.#keys, peerOfNode: (node: string) => view.memberOfNode(node)?.spec.peerId };
    return new Api(
      {
        ...apiOfPeer(this.#deps),
        httpClient,
        clock,
        random,
        log,
        authenticateToken: async (token, audiences) => tokenHolder(tokens, token, clock.now(), audiences),
        issueAccountToken: async (account, wanted) => {
          const issued = issueTokenFor(account, wanted, this.#keys, clock.now());
          const { warnings } = await peer.writer.write(createCredential(replica, issued, clock.now()));
          return { ...issued, warnings };
        },
        certificateCounts: (fingerprint, user) => credentialCounts(replica, 'certificate', fingerprint, user),
        heard: () => this.#hearing.over(),
        unready: () => this.#unready(),
        kith: {
          ...kithOfPeer(this.#deps, this.#admitting),
          manifests: () => ({ folder: this.#config.manifests, files: [...peer.manifestFiles()] }),
          kubeconfig: async (user, credential, groups) => this.#kubeconfig({ user, groups }, credential),
        },
      },
      { kithVersion: KITH_VERSION },
    );
  }

  /** A new credential counts once it is written down. */
  async #kubeconfig(user: { user: string; groups: readonly string[] }, type: 'certificate' | 'token'): Promise<string> {
    const { peer, replica, clock } = this.#deps;
    const issued = await issueCredential(type, user, this.#keys, clock.now());
    await peer.writer.write(createCredential(replica, issued, clock.now()));
    return kubeconfigText(issued, this.#keys, this.#admitting.apiUrls(), this.#loopbackUrl());
  }

  /** Where the API is for programs on this host; undefined where it does not listen there, or is announced as that anyhow. */
  #loopbackUrl(): string | undefined {
    const { host, port } = this.#config.apiListen;
    const url = `https://127.0.0.1:${port}`;
    return ['0.0.0.0', '::', '127.0.0.1'].includes(host) && !this.#admitting.apiUrls().includes(url) ? url : undefined;
  }
}
