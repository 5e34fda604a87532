import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import { LocalCluster, tail, type LocalPeer } from './local-cluster.ts';
import { runCommand, type CommandOptions, type CommandResult } from './run-command.ts';
import { PATIENCE_MS, waitFor } from './wait.ts';
import { isReady, podText } from './workloads.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
export const DIST = path.join(root, 'dist');
const LOG_LINES = 40;

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

export async function removeQuietly(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
