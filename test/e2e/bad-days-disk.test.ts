/** Days on which the disk is full or lies, and daemons are killed while they write. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient } from '../../cli/client.ts';
import { ApiError } from '../../cli/errors.ts';
import { LevelStore } from '../../daemon/adapters/level-store/level-store.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { ReplicationController } from '../../protocol/types.ts';
import { DIST } from '../support/kithd.ts';
import { LocalCluster, tail } from '../support/local-cluster.ts';
import { seededRandom, testSeed } from '../support/virtual-clock.ts';
import { waitFor } from '../support/wait.ts';

const CONTROLLERS = '/api/v1/namespaces/default/replicationcontrollers';
const PATIENCE = { timeoutMs: 30_000 };
/** LevelDB's own file names. */
const MANIFEST = /^MANIFEST-/;
const LOG_OF_WRITES = /\.log$/;

const controller = (name: string, annotations: Record<string, string> = {}): object => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name, annotations },
  spec: {
    replicas: 0,
    selector: { app: name },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'none' }] } },
  },
});

describe('two peers', () => {
  const cluster = new LocalCluster({ dist: DIST, runtime: 'process', imageFolders: [], share: 2, prefix: 'disk' });
  /** Names of what was acknowledged without a warning. */
  const acknowledged = new Set<string>();
  let made = 0;

  beforeAll(async () => {
    await cluster.create(2);
    await cluster.startAll();
    await waitFor('the default namespace', async () => names(0).then(async () => write('first')));
  });
  afterAll(async () => cluster.destroy());

  async function names(index: number): Promise<string[]> {
    const { items } = await cluster.peer(index).client.get<{ items: KubeObject[] }>(CONTROLLERS);
    return items.map(({ metadata }) => metadata.name);
  }
  const storeOf = (index: number): string => path.join(cluster.peer(index).dataDir, 'store');
  async function waitForAll(index: number): Promise<void> {
    await waitFor(
      `peer ${index + 1} holds all that was acknowledged`,
      async () => {
        const held = new Set(await names(index));
        const lost = [...acknowledged].filter((name) => !held.has(name));
        if (lost.length > 0) throw new Error(`${lost.length} of ${acknowledged.size} are missing, as ${lost[0]}`);
        return true;
      },
      PATIENCE,
    );
  }
  const logOf = (index: number): Promise<string> => readFile(cluster.peer(index).logFile, 'utf8');

  async function write(name: string): Promise<boolean> {
    await cluster.peer(0).client.call({ method: 'POST', path: CONTROLLERS, body: controller(name) });
    return true;
  }

  /** Writes in four lanes until the daemon is killed after some milliseconds. */
  async function writeUntilKilled(index: number, afterMs: number): Promise<void> {
    let killed = false;
    const lane = async (): Promise<void> => {
      while (!killed) {
        const name = `c-${made++}`;
        let warned = false;
        const client = new ApiClient({ type: 'socket', path: cluster.peer(index).socket }, () => (warned = true));
        try {
          await client.call({ method: 'POST', path: CONTROLLERS, body: controller(name) });
          if (!warned) acknowledged.add(name);
        } catch (error) {
          // Not acknowledged: it may be there or not.
          if (error instanceof ApiError) throw error;
        }
      }
    };
    const before = acknowledged.size;
    const lanes = Promise.all([lane(), lane(), lane(), lane()]);
    // A member that is just back takes a while to acknowledge again.
    await waitFor('a write is acknowledged', () => acknowledged.size > before, { ...PATIENCE, everyMs: 5 });
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await cluster.killDaemon(index);
    killed = true;
    await lanes;
  }

  it('lose nothing that was acknowledged when a daemon is killed in the midst of writes', async () => {
    const random = seededRandom(testSeed('kills while writing'));
    for (let round = 0; round < 3; round += 1) {
      await writeUntilKilled(0, random.next() * 700);
      await cluster.start(0);
      const held = new Set(await names(0));
      expect([...acknowledged].filter((name) => !held.has(name))).toEqual([]);
      await cluster.waitAllAlive();
    }
    await waitForAll(1);
  });

  it('lose nothing that was acknowledged when the peer that took it loses its store', async () => {
    await writeUntilKilled(0, 400);
    await rm(storeOf(0), { recursive: true });
    const held = new Set(await names(1));
    expect([...acknowledged].filter((name) => !held.has(name))).toEqual([]);
    await cluster.start(0);
    await waitForAll(0);
    await cluster.waitAllAlive();
  });

  it('set damaged records aside and fetch them again', async () => {
    await cluster.killDaemon(1);
    const [ofJson, ofDocument] = [...acknowledged] as [string, string];
    const store = new LevelStore({ directory: storeOf(1) });
    await store.open();
    for (const [name, fromEnd] of [[ofJson, false] as const, [ofDocument, true] as const]) {
      const key = `replica/o/replicationcontrollers/default/${name}`;
      const value = Uint8Array.from((await store.get(key)) ?? []);
      const at = fromEnd ? value.length - 5 : 60;
      value[at] = (value[at] ?? 0) ^ 0xff;
      await store.write([{ type: 'put', key, value }]);
    }
    await store.close();
    await cluster.start(1);
    await waitForAll(1);
    expect(await logOf(1)).toContain('Records on disk are damaged: they are set aside and fetched again from a peer');
    await cluster.waitAllAlive();
    for (const name of [ofJson, ofDocument]) {
      await cluster.peer(1).client.call({
        method: 'PATCH',
        path: `${CONTROLLERS}/${name}`,
        body: { metadata: { labels: { edited: 'yes' } } },
        contentType: 'application/merge-patch+json',
      });
      await waitFor('the other peer has the edit', async () => {
        const { metadata } = await cluster.peer(0).client.get<ReplicationController>(`${CONTROLLERS}/${name}`);
        return metadata.labels?.['edited'] === 'yes';
      });
    }
  });

  it.each([
    ['its log of writes is damaged', LOG_OF_WRITES, (bytes: Buffer) => bytes.fill(0xa5, bytes.length >> 1, (bytes.length >> 1) + 20)],
    ['its list of files is damaged', MANIFEST, (bytes: Buffer) => bytes.fill(0xa5, 0, 30)],
  ])('fill a store again when %s', async (_, which, damage) => {
    for (let index = 0; index < 20; index += 1) {
      await write(`more-${which.source.length}-${index}`);
      acknowledged.add(`more-${which.source.length}-${index}`);
    }
    await waitForAll(1);
    await cluster.killDaemon(1);
    for (const name of await readdir(storeOf(1))) {
      const file = path.join(storeOf(1), name);
      if (which.test(name)) await writeFile(file, damage(await readFile(file)));
    }
    const before = (await logOf(1)).length;
    await cluster.start(1);
    await waitForAll(1);
    await waitFor('it is complete', async () => (await cluster.peersSeenBy(1)).complete, PATIENCE);
    expect((await logOf(1)).slice(before)).toContain('fetched again from');
    if (which === MANIFEST) expect((await readdir(cluster.peer(1).dataDir)).some((name) => name.startsWith('store.damaged-'))).toBe(true);
    await cluster.waitAllAlive();
  });
});

describe.skipIf(process.getuid?.() !== 0)('a full disk (needs root, to mount a small one)', () => {
  const cluster = new LocalCluster({ dist: DIST, runtime: 'process', imageFolders: [], share: 2, prefix: 'full' });
  let ballast = '';

  beforeAll(async () => {
    await cluster.create(1);
    const { dataDir } = cluster.peer(0);
    await mkdir(dataDir, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', dataDir]);
    ballast = path.join(dataDir, 'ballast');
    await writeFile(ballast, Buffer.alloc(14 * 1_048_576));
    await cluster.start(0);
  });
  afterAll(async () => {
    await cluster.killDaemon(0);
    // Lazily: whatever still holds it must not leave the mount behind.
    execFileSync('umount', ['-l', cluster.peer(0).dataDir]);
    await cluster.destroy();
  });

  it('makes writes fail with the reason, ends nothing, and takes writes again when there is room', async () => {
    const { client, logFile } = cluster.peer(0);
    const create = async (name: string): Promise<unknown> =>
      client.call({ method: 'POST', path: CONTROLLERS, body: controller(name, { much: randomBytes(100_000).toString('hex') }) });
    const written: string[] = [];
    const fill = async (): Promise<void> => {
      for (let index = 0; index < 200; index += 1) {
        await create(`big-${index}`);
        written.push(`big-${index}`);
      }
    };
    await expect(fill()).rejects.toThrow(/the disk under .* is full: nothing was written; free some space/);
    await expect(create('big-more')).rejects.toThrow(/is full/);
    const listed = async (): Promise<string[]> =>
      (await client.get<{ items: KubeObject[] }>(CONTROLLERS)).items.map(({ metadata }) => metadata.name);
    expect(await listed()).toEqual(expect.arrayContaining(written));
    expect((await cluster.peersSeenBy(0)).peers[0]?.state).toBe('alive');

    await rm(ballast);
    await create('later');
    written.push('later');
    expect(await listed()).toEqual(expect.arrayContaining(written));
    await cluster.killDaemon(0);
    await cluster.start(0);
    expect(await listed()).toEqual(expect.arrayContaining(written));
    expect(tail(logFile, 1_000)).not.toContain('a bug:');
  });
});
