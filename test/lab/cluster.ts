/** A cluster in a lab, for the tests on it: what they do and ask again and again. Engines are asked themselves; a peer's word is not taken for what runs. */
import { existsSync, readFileSync } from 'node:fs';
import type { DigestAnswer, PeersAnswer } from '../../protocol/answers.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Deployment, Node, Pod } from '../../protocol/types.ts';
import { runCommand } from '../support/run-command.ts';
import { isReady, pod, podText } from '../support/workloads.ts';
import { tail } from '../support/local-cluster.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';
import { recover } from './recover.ts';
import type { Lab, LabContainer, LabHost } from './types.ts';

const LOG_LINES = 60;

export class LabCluster {
  readonly #make: () => Promise<Lab>;
  #lab: Lab | undefined;

  /** @param make a lab whose cluster is up */
  constructor(make: () => Promise<Lab>) {
    this.#make = make;
  }

  /** A new lab instead of the one that was there. */
  async renew(): Promise<void> {
    await this.close();
    this.#lab = await this.#make();
  }

  async close(): Promise<void> {
    await this.#lab?.down();
    this.#lab = undefined;
  }

  /** All hosts are on and well again, and nothing runs: what a story finds. Where that cannot be had the lab is made anew. */
  async clear(): Promise<void> {
    try {
      await recover(this.lab, this.lab.hosts);
      await this.lab.waitAllAlive();
      await emptyNamespace(this.host(1));
      await this.waitNoPods(this.host(1));
      await waitFor('nothing runs', async () => (await this.running()).size === 0, { timeoutMs: PATIENCE_MS });
    } catch (error) {
      console.error(`the lab is made anew: ${(error as Error).message}`);
      await this.renew();
    }
  }

  get lab(): Lab {
    if (this.#lab === undefined) throw new Error('the lab is not made yet');
    return this.#lab;
  }

  host(number: number): LabHost {
    return this.lab.host(number);
  }

  /** Runs `kith` against the host's daemon. @returns what it printed. @throws when the command fails. */
  async kith(host: LabHost, words: readonly string[], stdin?: string): Promise<string> {
    const { code, out, err } = await runCommand(words, { stdin, environment: { KITH_SOCKET: host.kithSocket } });
    if (code !== 0) throw new Error(`kith ${words.join(' ')} on ${host.node} ended with ${code}: ${err}`);
    return out;
  }

  async apply(host: LabHost, manifest: unknown): Promise<string> {
    return this.kith(host, ['apply', '-f', '-'], JSON.stringify(manifest));
  }

  async list<T extends KubeObject>(host: LabHost, apiPath: string, query?: Record<string, string>): Promise<T[]> {
    return (await host.client.get<{ items: T[] }>(apiPath, query)).items;
  }

  async pods(host: LabHost, labelSelector?: string): Promise<Pod[]> {
    return this.list<Pod>(host, '/api/v1/namespaces/default/pods', labelSelector === undefined ? undefined : { labelSelector });
  }

  /** Until exactly `count` pods are there, and all are ready. */
  async waitReady(host: LabHost, labelSelector: string | undefined, count: number, timeoutMs = PATIENCE_MS): Promise<Pod[]> {
    let seen: Pod[] = [];
    const what = `${count} ready pods${labelSelector === undefined ? '' : ` with ${labelSelector}`}, as ${host.node} tells`;
    return waitFor(
      what,
      async () => {
        seen = await this.pods(host, labelSelector);
        return seen.length === count && seen.every(isReady) ? seen : undefined;
      },
      { timeoutMs, everyMs: 50 },
    ).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\nthere are:\n${seen.map(podText).join('\n')}`, { cause: error });
    });
  }

  /** Until exactly `count` pods are ready, all of them on these hosts: others may be shown that are lost, ending or not ready. */
  async waitServing(asked: LabHost, labelSelector: string | undefined, count: number, hosts: readonly LabHost[]): Promise<Pod[]> {
    const nodes = new Set(hosts.map(({ node }) => node));
    let seen: Pod[] = [];
    return waitFor(
      `${count} pods serve on ${[...nodes].join(', ')}, as ${asked.node} tells`,
      async () => {
        seen = await this.pods(asked, labelSelector);
        const ready = seen.filter(isReady);
        return ready.length === count && ready.every(({ spec }) => nodes.has(spec.nodeName ?? '')) ? ready : undefined;
      },
      { timeoutMs: PATIENCE_MS, everyMs: 50 },
    ).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\nthere are:\n${seen.map(podText).join('\n')}`, { cause: error });
    });
  }

  /** Until the Deployment says that its rollout is complete: what the leader remembers of it is written down then. */
  async waitRolledOut(host: LabHost, name: string, timeoutMs = PATIENCE_MS): Promise<void> {
    await waitFor(
      `Deployment ${name} is rolled out, as ${host.node} tells`,
      async () => {
        const path = `/apis/apps/v1/namespaces/default/deployments/${name}`;
        const { status } = await host.client.get<Deployment>(path);
        return status?.conditions?.some(({ reason }) => reason === 'NewReplicaSetAvailable') === true || undefined;
      },
      { timeoutMs, everyMs: 50 },
    );
  }

  async waitNoPods(host: LabHost, labelSelector?: string): Promise<void> {
    await waitFor(`no pods with ${labelSelector ?? 'any label'}`, async () => (await this.pods(host, labelSelector)).length === 0, {
      timeoutMs: PATIENCE_MS,
      everyMs: 50,
    });
  }

  async node(asked: LabHost, name: string): Promise<Node | undefined> {
    return (await this.list<Node>(asked, '/api/v1/nodes')).find(({ metadata }) => metadata.name === name);
  }

  /** `Ready`, `NotReady`, …: the word that `get nodes` has for it. */
  async nodeWord(asked: LabHost, name: string): Promise<string> {
    const line = await this.kith(asked, ['get', 'node', name, '--no-headers']);
    return line.split(/\s+/)[1] ?? '';
  }

  async waitNodeWord(asked: LabHost, name: string, word: RegExp, timeoutMs = PATIENCE_MS): Promise<void> {
    await waitFor(`${name} is ${word.source}`, async () => word.test(await this.nodeWord(asked, name)), { timeoutMs, everyMs: 50 });
  }

  async leader(asked: LabHost): Promise<LabHost> {
    const view = await asked.peers();
    const node = view.peers.find((row) => row.leader)?.node;
    const found = this.lab.hosts.find((host) => host.node === node);
    if (found === undefined) throw new Error(`no leader among ${JSON.stringify(view.peers)}`);
    return found;
  }

  /** Running containers of pods on these hosts (all that are on), by the word of their engines. */
  async running(hosts = this.hostsOn()): Promise<Map<string, RunningContainer>> {
    const found = new Map<string, RunningContainer>();
    for (const host of hosts) {
      if (!host.engineRuns) continue;
      for (const container of await host.engine.containers())
        if (container.running) found.set(container.id, { ...container, node: host.node });
    }
    return found;
  }

  hostsOn(): LabHost[] {
    return this.lab.hosts.filter((host) => host.isOn);
  }

  /** Until each engine runs exactly the containers of the pods that are bound to its node, once, by the word of `asked`; and nothing else of ours. */
  async waitNothingTwice(asked: LabHost, hosts = this.hostsOn(), timeoutMs = PATIENCE_MS): Promise<void> {
    let last: { should: string[]; does: string[] } | undefined;
    await waitFor(
      'each host runs what it should',
      async () => {
        last = await this.runsWhatItShould(asked, hosts);
        return JSON.stringify(last.should) === JSON.stringify(last.does);
      },
      { timeoutMs, everyMs: 100 },
    ).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${JSON.stringify(last, undefined, 2)}`, { cause: error });
    });
  }

  /** `NODE POD_UID CONTAINER` of what should run on these hosts, and of what does. */
  async runsWhatItShould(asked: LabHost, hosts: readonly LabHost[]): Promise<{ should: string[]; does: string[] }> {
    const names = new Set(hosts.map(({ node }) => node));
    const pods = await this.list<Pod>(asked, '/api/v1/pods');
    const should = pods
      .filter(({ spec, status }) => names.has(spec.nodeName ?? '') && status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
      .flatMap(({ spec, metadata }) => spec.containers.map(({ name }) => `${spec.nodeName} ${metadata.uid} ${name}`));
    const does = [...(await this.running([...hosts])).values()].map(({ node, uid, container }) => `${node} ${uid} ${container}`);
    return { should: should.sort(), does: does.sort() };
  }

  /** Until the desired states of these peers are equal, byte by byte. */
  async waitSameState(hosts = this.hostsOn(), timeoutMs = PATIENCE_MS): Promise<DigestAnswer> {
    const ask = async (query?: Record<string, string>): Promise<DigestAnswer[]> =>
      Promise.all(hosts.map((host) => host.client.get<DigestAnswer>('/kith.dev/v1/digest', query)));
    try {
      const [first] = await waitFor(
        `the same desired state on ${hosts.map(({ node }) => node).join(', ')}`,
        async () => {
          const answers = await ask();
          return new Set(answers.map(({ digest }) => digest)).size === 1 ? answers : undefined;
        },
        { timeoutMs, everyMs: 100 },
      );
      return first!;
    } catch (error) {
      const answers = await ask({ objects: 'true' });
      const keys = new Set(answers.flatMap(({ objects }) => Object.keys(objects ?? {})));
      const differing = [...keys].filter((key) => new Set(answers.map(({ objects }) => objects?.[key])).size > 1);
      throw new Error(`${(error as Error).message}\nthese differ: ${differing.join(', ')}`, { cause: error });
    }
  }

  /** As the host's daemon sees the members, by node. */
  async states(asked: LabHost): Promise<Record<string, PeersAnswer['peers'][number]['state']>> {
    return Object.fromEntries((await asked.peers()).peers.map(({ node, state }) => [node, state]));
  }

  /** How often each daemon has called another one dead since its log began: `on NODE: times`. */
  deathsTold(): number {
    return this.#logs().reduce((sum, log) => sum + (log.match(/ A peer is dead /g) ?? []).length, 0);
  }

  errorsLogged(): string[] {
    return this.#lab === undefined ? [] : this.#logs().flatMap((log) => log.match(/^\S+ ERROR .*$/gm) ?? []);
  }

  showLogs(): void {
    for (const host of this.#lab?.hosts ?? [])
      if (existsSync(host.daemonLog)) console.error(`--- ${host.node}\n${tail(host.daemonLog, LOG_LINES)}`);
  }

  #logs(): string[] {
    return this.lab.hosts.map(({ daemonLog }) => (existsSync(daemonLog) ? readFileSync(daemonLog, 'utf8') : ''));
  }
}

export interface RunningContainer extends LabContainer {
  node: string;
}

async function emptyNamespace({ client }: LabHost): Promise<void> {
  const namespace = 'namespaces/default';
  for (const collection of [
    `/apis/apps/v1/${namespace}/deployments`,
    `/api/v1/${namespace}/replicationcontrollers`,
    `/api/v1/${namespace}/pods`,
  ])
    await client.call({ method: 'DELETE', path: collection, query: { gracePeriodSeconds: '1' } });
}

/** A bare pod that fits this host's node only. */
export function pinnedTo(name: string, { node }: LabHost): unknown {
  const made = pod(name, { cpu: '10m' }, { app: 'pinned' }) as { spec: object };
  return { ...made, spec: { ...made.spec, nodeSelector: { 'kubernetes.io/hostname': node } } };
}
