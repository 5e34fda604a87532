import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Pod, Service } from '../../protocol/types.ts';
import { LocalCluster, containerProcesses, tail, type LocalPeer } from '../support/local-cluster.ts';
import { request, SteadyLoad } from '../support/steady-load.ts';
import { waitFor } from '../support/wait.ts';
import { parseDemoOptions, type DemoOptions } from './options.ts';
import { Story } from './story.ts';

const PEERS = 3;
const dist = path.dirname(fileURLToPath(import.meta.url)).replace(/[/\\]chunks$/, '');
const examples = path.join(dist, '..', 'examples');
/** Ctrl-C reaches npm, the shell and us; a second one this soon is the same key press. */
const SAME_KEY_PRESS_MS = 1_000;

/** Three real peers on this machine, and the whole story. @returns the exit code. */
export async function runDemo(words: readonly string[]): Promise<number> {
  let options: DemoOptions | undefined;
  try {
    options = await parseDemoOptions(words, process.env);
  } catch (error) {
    process.stderr.write(`demo: ${(error as Error).message}\n`);
    return 2;
  }
  if (options === undefined) return 0;
  const demo = new Demo(options);
  const stop = new AbortController();
  listenForStop(stop);
  try {
    await demo.tell(stop.signal);
    if (!options.once) await demo.stayUp(stop.signal);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 130;
    process.stderr.write(`\ndemo: ${(error as Error).message}\n`);
    demo.showLogs();
    return 1;
  } finally {
    process.stdout.write('\nTearing everything down ...\n');
    await demo.cluster.destroy();
    process.stdout.write('Done: no process, container or file of the demo is left.\n');
  }
}

function listenForStop(stop: AbortController): void {
  let first = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (first === 0) {
        first = Date.now();
        stop.abort(new Error('stopped'));
      } else if (Date.now() - first > SAME_KEY_PRESS_MS) {
        process.stderr.write('still tearing down; a few seconds more, please\n');
      }
    });
  }
}

class Demo {
  readonly cluster: LocalCluster;
  readonly #options: DemoOptions;
  readonly #story: Story;
  #serviceUrl: string | undefined;

  constructor(options: DemoOptions) {
    this.#options = options;
    this.#story = new Story((text) => void process.stdout.write(text), process.stdout.isTTY);
    this.cluster = new LocalCluster({
      dist,
      runtime: options.runtime,
      dockerHost: options.dockerHost,
      imageFolders: [path.join(examples, 'images')],
      share: PEERS,
    });
  }

  async tell(signal: AbortSignal): Promise<void> {
    process.stdout.write(`Kith: a Kubernetes with no masters. Three peers on this machine, ${this.#options.runtime} runtime.\n`);
    await this.#meet(signal);
    await this.#apply(signal);
    await this.#replace(signal);
    await this.#kill(signal);
    await this.#watchFolder(signal);
    this.#story.heading('That was it.');
  }

  async #meet(signal: AbortSignal): Promise<void> {
    const { cluster } = this;
    this.#story.heading('1. Three peers find each other');
    await cluster.create(PEERS);
    await this.#story.step('peer-1 founds a cluster', async () => cluster.start(0, undefined, { signal }));
    for (const peer of cluster.peers.slice(1)) {
      await this.#story.step(`${peer.node} joins with a token from ${cluster.peer(peer.index - 1).node}`, async () =>
        cluster.start(peer.index, await cluster.token(peer.index - 1), { signal }),
      );
    }
    await this.#story.step('every peer sees every peer, and all follow one leader', async (tell) => {
      await cluster.waitAllAlive({ signal });
      const view = await cluster.peersSeenBy(0);
      const leader = view.peers.find((row) => row.leader);
      tell(`every peer sees every peer, and all follow one leader: ${leader?.node ?? '?'} (term ${view.leader.term})`);
    });
    await this.#show(0, ['peers']);
  }

  async #apply(signal: AbortSignal): Promise<void> {
    this.#story.heading('2. Manifests go in at one peer and are everywhere');
    await this.#story.step('kith apply -f examples/ at peer-1', async () => this.#kith(0, ['apply', '-f', examples]));
    await this.#story.step('peer-3 shows them', async () =>
      waitFor('the deployment at peer-3', async () => (await this.#get(2, '/apis/apps/v1/namespaces/default/deployments')).length === 1, {
        signal,
      }),
    );
    await this.#story.step('3 web servers and 3 counters run, one of each on every peer', async () => {
      await this.#waitReady('app=hello', 3, signal, 3);
      await this.#waitReady('app=counter', 3, signal, 3);
    });
    await this.#story.step('the pod that runs once has completed', async () =>
      waitFor('once is done', async () => (await this.#pods(2, 'app=once'))[0]?.status?.phase === 'Succeeded', {
        signal,
        timeoutMs: 30_000,
      }),
    );
    await this.#show(2, ['get', 'pods', '-o', 'wide']);
    await this.#askService(signal);
    await this.#story.step('kith logs once, asked of a peer that does not run it', async (tell) => {
      const [pod] = await this.#pods(0, 'app=once');
      const elsewhere = this.cluster.peers.find((peer) => peer.node !== pod?.spec.nodeName)?.index ?? 0;
      const text = await this.#kith(elsewhere, ['logs', 'once']);
      if (!text.includes('this is pod once')) throw new Error(`unexpected log: ${text}`);
      tell(`kith logs once, asked of peer-${elsewhere + 1}, which does not run it: "${text.trim()}"`);
    });
  }

  /** Without a kernel that can be told to, the peers pass connections on themselves: at addresses that anybody may listen on, which clusters of the process runtime have. */
  async #askService(signal: AbortSignal): Promise<void> {
    if (this.#options.runtime !== 'process') return;
    const [service] = (await this.#get(0, '/api/v1/namespaces/default/services', 'app=hello')) as Service[];
    const url = `http://${service?.spec?.clusterIP}:8080`;
    this.#serviceUrl = url;
    await this.#story.step('the Service hello takes turns', async (tell) => {
      const answers = new Set<string>();
      await waitFor('answers of all three', async () => answers.add(await request(url)).size === 3, {
        signal,
        timeoutMs: 30_000,
        everyMs: 20,
      });
      tell(`the Service hello takes turns at ${url}: ${[...answers].map((answer) => /on (\S+)/.exec(answer)?.[1]).join(', ')}`);
    });
    await this.#show(1, ['get', 'services', '-l', 'app=hello']);
  }

  async #replace(signal: AbortSignal): Promise<void> {
    this.#story.heading('3. A pod is deleted, and replaced');
    const [victim] = await this.#pods(1, 'app=hello');
    if (victim === undefined) throw new Error('no pod to delete');
    const name = victim.metadata.name;
    await this.#story.step(`kith delete pod ${name} at peer-2`, async () => this.#kith(1, ['delete', 'pod', name]));
    await this.#story.step('its replacement runs', async (tell) => {
      const pods = await this.#waitReady('app=hello', 3, signal);
      const before = new Set([name]);
      const fresh = pods
        .filter((pod) => !before.has(pod.metadata.name))
        .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? 1 : -1))[0];
      tell(`its replacement runs: ${fresh?.metadata.name ?? '?'} on ${fresh?.spec.nodeName ?? '?'}`);
    });
  }

  async #kill(signal: AbortSignal): Promise<void> {
    this.#story.heading('4. A peer dies');
    const view = await this.cluster.peersSeenBy(0);
    const leader = this.cluster.peers.find((peer) => view.peers.some((row) => row.leader && row.node === peer.node));
    // The leader if it isn't the one that we ask: there is nothing special about it.
    const victim = leader !== undefined && leader.index !== 0 ? leader : this.cluster.peer(2);
    const asked = this.cluster.peers.find((peer) => peer.index !== victim.index)?.index ?? 0;
    this.#story.say(
      `${victim.node}${victim === leader ? ', the leader,' : ''} loses power: SIGKILL for the daemon and all that it ran. On one machine the kernel\n` +
        'answers for the dead peer ("connection refused"), which looks like a daemon that restarts: its\npeers give it 5 s. A host that falls silent is declared dead after 1.2 s.',
    );
    const load = this.#serviceUrl === undefined ? undefined : new SteadyLoad(this.#serviceUrl, { everyMs: 20, retryMs: 300 });
    const began = Date.now();
    await this.#powerCut(victim);
    await this.#story.step(`the others declare ${victim.node} dead`, async () =>
      waitFor(
        'the death',
        async () => (await this.cluster.peersSeenBy(asked)).peers.some((row) => row.node === victim.node && row.state === 'dead'),
        {
          signal,
          timeoutMs: 30_000,
        },
      ),
    );
    await this.#story.step('its pods run on the others', async (tell) => {
      for (const app of ['hello', 'counter']) {
        await waitFor(
          `${app} elsewhere`,
          async () => readyPods(await this.#pods(asked, `app=${app}`)).filter((pod) => pod.spec.nodeName !== victim.node).length === 3,
          {
            signal,
            timeoutMs: 60_000,
          },
        );
      }
      tell(`its pods run on the others, ${((Date.now() - began) / 1000).toFixed(1)} s after the kill`);
    });
    if (load !== undefined) await this.#tellLoad(load);
    await this.#show(asked, ['get', 'nodes']);
    await this.#show(asked, ['get', 'pods', '-o', 'wide']);
    await this.#story.step(`${victim.node} returns`, async () => {
      await this.cluster.start(victim.index, undefined, { signal });
      await this.cluster.waitAllAlive({ signal });
    });
    await this.#story.step('nothing runs twice', async (tell) => {
      await this.#waitReady('app=hello', 3, signal);
      await this.#waitReady('app=counter', 3, signal);
      const count = await waitFor('one container per pod', async () => this.#runningOnce(), { signal, timeoutMs: 30_000 });
      tell(`nothing runs twice: ${count} pods, ${count} containers`);
    });
  }

  async #tellLoad(load: SteadyLoad): Promise<void> {
    await this.#story.step('the Service hello went on answering', async (tell) => {
      const { answered, secondTries, failures } = await load.stop();
      if (failures.length > 0 || answered === 0)
        throw new Error(`the Service failed ${failures.length} of ${answered + failures.length} requests: ${failures[0]}`);
      const again = secondTries === 0 ? 'all at once' : `${secondTries} of them at a second try`;
      tell(`the Service hello went on answering: ${answered} requests since the kill, ${again}`);
    });
  }

  async #watchFolder(signal: AbortSignal): Promise<void> {
    this.#story.heading('5. A manifest dropped into a watched folder');
    const peer = this.cluster.peer(1);
    const file = path.join(peer.manifests, 'dropped.yaml');
    await copyFile(path.join(examples, 'folder', 'dropped.yaml'), file);
    await this.#story.step(`${peer.node} watches a folder; what is dropped there runs`, async () =>
      this.#waitReady('app=dropped', 2, signal),
    );
    await rm(file);
    await this.#story.step('the file is removed, its pods are gone', async () =>
      waitFor('no pods of the file', async () => (await this.#pods(0, 'app=dropped')).length === 0, { signal, timeoutMs: 30_000 }),
    );
  }

  /** Tells how to go on by hand, and waits for Ctrl-C. */
  async stayUp(signal: AbortSignal): Promise<void> {
    const [first, second] = this.cluster.peers;
    process.stdout.write(`
The cluster stays up. In another terminal, in this folder:

    export KITH_SOCKET=${first?.socket ?? ''}
    npx kith get pods -o wide
    npx kith scale deployment/hello --replicas=5
    npx kith describe deployment hello
    KITH_SOCKET=${second?.socket ?? ''} npx kith peers -w      # another peer's view

Kill a peer and watch (the pids: ${this.cluster
      .running()
      .map((peer) => `${peer.node} ${peer.process?.pid ?? '?'}`)
      .join(', ')}).
Ctrl-C tears everything down.
`);
    if (!signal.aborted) await once(signal, 'abort');
  }

  showLogs(): void {
    for (const peer of this.cluster.peers)
      process.stderr.write(`\n--- last lines of ${peer.node} (${peer.logFile})\n${tail(peer.logFile, 20)}\n`);
  }

  async #get(index: number, apiPath: string, labelSelector?: string): Promise<KubeObject[]> {
    return (await this.cluster.peer(index).client.get<{ items: KubeObject[] }>(apiPath, { labelSelector })).items;
  }

  async #pods(index: number, labelSelector: string): Promise<Pod[]> {
    return (await this.#get(index, '/api/v1/namespaces/default/pods', labelSelector)) as Pod[];
  }

  async #waitReady(labelSelector: string, count: number, signal: AbortSignal, onNodes?: number): Promise<Pod[]> {
    const asked = this.cluster.running()[0]?.index ?? 0;
    return waitFor(
      `${count} ready pods with ${labelSelector}`,
      async () => {
        const pods = await this.#pods(asked, labelSelector);
        const ready = readyPods(pods);
        const nodes = new Set(ready.map((pod) => pod.spec.nodeName));
        return ready.length === count && pods.length === count && (onNodes === undefined || nodes.size === onNodes) ? ready : undefined;
      },
      { signal, timeoutMs: 60_000, everyMs: 50 },
    );
  }

  /** @returns how many pods run, if every pod that should run has exactly one container process of its own. */
  async #runningOnce(): Promise<number | undefined> {
    const pods = [...(await this.#pods(0, 'app=hello')), ...(await this.#pods(0, 'app=counter'))];
    const perNode = new Map<string, number>();
    for (const pod of pods) perNode.set(pod.spec.nodeName ?? '', (perNode.get(pod.spec.nodeName ?? '') ?? 0) + 1);
    for (const peer of this.cluster.peers) {
      if ((await this.cluster.containersOf(peer)).size !== (perNode.get(peer.node) ?? 0)) return undefined;
    }
    return pods.length;
  }

  async #powerCut(victim: LocalPeer): Promise<void> {
    await this.cluster.powerCut(victim.index);
    if (containerProcesses(victim).length > 0) throw new Error(`something of ${victim.node} is still running`);
  }

  async #show(index: number, words: string[]): Promise<void> {
    this.#story.say(`$ kith ${words.join(' ')}        (asked of peer-${index + 1})\n${await this.#kith(index, words)}`);
  }

  /** Runs the real command against one peer. @returns what it printed. */
  async #kith(index: number, words: string[]): Promise<string> {
    const child = spawn(process.execPath, [path.join(dist, 'kith.js'), ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, KITH_SOCKET: this.cluster.peer(index).socket },
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`kith ${words.join(' ')} ended with ${code ?? 'a signal'}: ${err || out}`);
    return out;
  }
}

function readyPods(pods: readonly Pod[]): Pod[] {
  return pods.filter(
    (pod) =>
      pod.metadata.deletionTimestamp === undefined &&
      pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
  );
}
