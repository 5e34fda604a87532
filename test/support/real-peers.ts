import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { runKith } from '../../cli/program.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import { LocalCluster, tail, type LocalPeer } from './local-cluster.ts';
import { waitFor } from './wait.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
export const DIST = path.join(root, 'dist');
const LOG_LINES = 40;
/** Until pods run or are gone, on a machine that does many other things. */
export const PATIENCE_MS = 45_000;

export interface CommandResult {
  code: number;
  out: string;
  err: string;
}

export interface CommandOptions {
  stdin?: string;
  signal?: AbortSignal;
  /** Each piece of output as it comes. */
  onOut?: (text: string) => void;
  environment?: Record<string, string>;
}

/** Runs `kith` in this process: the same code as the command, half a second sooner. */
export async function runCommand(words: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const result: CommandResult = { code: 0, out: '', err: '' };
  result.code = await runKith(
    words,
    {
      out: (text) => {
        result.out += text;
        options.onOut?.(text);
      },
      err: (text) => (result.err += text),
      interactive: false,
      environment: options.environment ?? {},
      uid: process.getuid?.() ?? -1,
      readStdin: () => Promise.resolve(options.stdin ?? ''),
      signal: options.signal ?? new AbortController().signal,
      now: () => Date.now(),
    },
    'test',
  );
  return result;
}

/** A cluster of the process runtime that lives as long as the test file, with what its tests ask again and again. */
export class RealPeers {
  readonly cluster: LocalCluster;

  constructor(cluster: LocalCluster) {
    this.cluster = cluster;
  }

  async command(index: number, words: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand(words, { ...options, environment: { KITH_SOCKET: this.cluster.peer(index).socket, ...options.environment } });
  }

  /** @returns what it printed. @throws when the command fails. */
  async kith(index: number, words: readonly string[], stdin?: string): Promise<string> {
    const { code, out, err } = await this.command(index, words, { stdin });
    expect({ words, code, err: code === 0 ? '' : err }).toEqual({ words, code: 0, err: '' });
    return out;
  }

  async apply(index: number, manifest: unknown): Promise<string> {
    return this.kith(index, ['apply', '-f', '-'], JSON.stringify(manifest));
  }

  async list<T extends KubeObject>(index: number, apiPath: string, query?: Record<string, string>): Promise<T[]> {
    return (await this.cluster.peer(index).client.get<{ items: T[] }>(apiPath, query)).items;
  }

  async pods(index: number, labelSelector?: string, namespace = 'default'): Promise<Pod[]> {
    return this.list<Pod>(index, `/api/v1/namespaces/${namespace}/pods`, labelSelector === undefined ? undefined : { labelSelector });
  }

  /** Until exactly `count` pods are there, and all are ready. */
  async waitReady(index: number, labelSelector: string, count: number, timeoutMs = PATIENCE_MS): Promise<Pod[]> {
    let seen: Pod[] = [];
    try {
      return await waitFor(
        `${count} ready pods with ${labelSelector} at ${this.cluster.peer(index).node}`,
        async () => {
          seen = await this.pods(index, labelSelector);
          return seen.length === count && seen.every(isReady) ? seen : undefined;
        },
        { timeoutMs, everyMs: 50 },
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}\nthere are:\n${seen.map(podText).join('\n')}`, { cause: error });
    }
  }

  leaderIndex(view: Awaited<ReturnType<LocalCluster['peersSeenBy']>>): number {
    const node = view.peers.find((row) => row.leader)?.node;
    const leader = this.cluster.peers.find((peer) => peer.node === node);
    if (leader === undefined) throw new Error(`no leader among ${JSON.stringify(view.peers)}`);
    return leader.index;
  }

  /** What should run on a node by the word of `index`, next to what does run: `POD_UID/CONTAINER`. */
  async runsWhatItShould(index: number, peer: LocalPeer): Promise<{ should: string[]; does: string[] }> {
    const pods = await this.list<Pod>(index, '/api/v1/pods', { fieldSelector: `spec.nodeName=${peer.node}` });
    const alive = pods.filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
    const should = alive.flatMap((pod) => pod.spec.containers.map((container) => `${pod.metadata.uid}/${container.name}`));
    const does = [...(await this.cluster.containersOf(peer))].map((container) => container.replace(/\/[^/]*$/, ''));
    return { should: should.sort(), does: does.sort() };
  }

  /** Until each running peer runs the containers of its pods, and nothing else. */
  async waitNothingTwice(index: number): Promise<void> {
    for (const peer of this.cluster.running()) {
      let last: unknown;
      await waitFor(
        `${peer.node} runs what it should`,
        async () => {
          const found = await this.runsWhatItShould(index, peer);
          last = found;
          return JSON.stringify(found.should) === JSON.stringify(found.does);
        },
        { timeoutMs: PATIENCE_MS, everyMs: 100 },
      ).catch(() => expect(last).toBe('the same on both sides'));
    }
  }

  /** All containers of all peers, with their attempts: equal before and after means that none was started or stopped. */
  async allContainers(): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const peer of this.cluster.peers) found[peer.node] = [...(await this.cluster.containersOf(peer))].sort();
    return found;
  }
}

/** Starts peers before the tests of a file, ends them after, and shows their logs when a test fails. */
export function realPeers(count: number, prefix: string, extraArguments?: (index: number) => string[]): RealPeers {
  const cluster = new LocalCluster({
    dist: DIST,
    runtime: 'process',
    imageFolders: [path.join(root, 'examples', 'images')],
    share: count,
    prefix,
    extraArguments,
  });
  beforeAll(async () => {
    await cluster.create(count);
    await cluster.startAll();
  });
  afterAll(async () => {
    const logs = cluster.peers.map(({ logFile }) => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')).join('');
    await cluster.destroy();
    // An ERROR in the log of a daemon is a bug or a damaged disk, whatever else went well.
    expect(logs.match(/^\S+ ERROR .*$/gm) ?? []).toEqual([]);
  });
  afterEach(({ task }) => {
    if (task.result?.state !== 'fail') return;
    for (const peer of cluster.peers) console.error(`--- ${peer.node}\n${tail(peer.logFile, LOG_LINES)}`);
  });
  return new RealPeers(cluster);
}

export function isReady(pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    (pod.status?.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True')
  );
}

export function podText(pod: Pod): string {
  const waiting = (pod.status?.containerStatuses ?? [])
    .map(({ state, restartCount }) => `${JSON.stringify(state)} x${restartCount}`)
    .join(' ');
  const deleted = pod.metadata.deletionTimestamp === undefined ? '' : ' terminating';
  return `${pod.metadata.name} on ${pod.spec.nodeName ?? '?'} ${pod.status?.phase ?? ''}${deleted} ${waiting}`;
}

export function namesOf(objects: readonly KubeObject[]): string[] {
  return objects.map((object) => object.metadata.name).sort();
}

export async function removeQuietly(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

const IDLE = 'trap \'exit 0\' TERM; i=0; while true; do i=$((i+1)); echo "count $i"; sleep 0.5 & wait $!; done';

function template(app: string, container: Record<string, unknown>): Record<string, unknown> {
  return {
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: 2, containers: [{ resources: { requests: { cpu: '10m', memory: '4Mi' } }, ...container }] },
  };
}

/** A controller of shells that count. */
export function counters(name: string, replicas: number, namespace?: string): unknown {
  const container = { name: 'counter', image: 'busybox', command: ['/bin/sh', '-c', IDLE] };
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec: { replicas, selector: { app: name }, template: template(name, container) },
  };
}

/** A deployment of web servers whose update takes no ready pod away before its successor is ready. */
export function hello(name: string, replicas: number, version: 1 | 2): unknown {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: template(name, { name: 'hello', image: `kith.dev/hello:${version}`, ports: [{ containerPort: 8080 }] }),
    },
  };
}

/** A bare pod of one shell that counts. */
export function pod(name: string, requests: Record<string, string> = { cpu: '10m' }, labels: Record<string, string> = {}): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      terminationGracePeriodSeconds: 2,
      containers: [{ name: 'main', image: 'busybox', command: ['/bin/sh', '-c', IDLE], resources: { requests } }],
    },
  };
}
