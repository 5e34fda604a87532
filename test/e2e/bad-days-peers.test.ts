/** Days on which others misbehave: strangers, members that send what they may not, members that are away or frozen when a write is to be acknowledged. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { readFile } from 'node:fs/promises';
import { encode } from 'cborg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient } from '../../cli/client.ts';
import { AutomergeDocuments } from '../../daemon/adapters/automerge/documents.ts';
import { loadOrCreateIdentity } from '../../daemon/adapters/identity/identity.ts';
import { privateKeyOfSeed } from '../../daemon/adapters/identity/signatures.ts';
import { Libp2pTransport } from '../../daemon/adapters/libp2p/transport.ts';
import { systemClock, systemRandom } from '../../daemon/adapters/system/clock.ts';
import type { RequestProtocol } from '../../daemon/ports/transport.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { NodeStatus } from '../../protocol/types.ts';
import { encodeRecords, observedSigningBytes } from '../../protocol/wire-observed.ts';
import { changesBody } from '../../protocol/wire/changes.ts';
import { encodeMessage, decodeMessage } from '../../protocol/wire/message.ts';
import { DIST } from '../support/kithd.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { silentLog } from '../support/silent-log.ts';
import { seededRandom, testSeed } from '../support/virtual-clock.ts';
import { waitFor } from '../support/wait.ts';

const CONTROLLERS = '/api/v1/namespaces/default/replicationcontrollers';
const PATIENCE = { timeoutMs: 30_000 };
const cluster = new LocalCluster({ dist: DIST, runtime: 'process', imageFolders: [], share: 2, prefix: 'calm' });
let made = 0;

/** One write at the first peer: its warnings, and how long it took. */
async function write(name = `c-${made++}`): Promise<{ warnings: string[]; ms: number; name: string }> {
  const warnings: string[] = [];
  const client = new ApiClient({ type: 'socket', path: cluster.peer(0).socket }, (text) => warnings.push(text));
  const body = {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name },
    spec: {
      replicas: 0,
      selector: { app: name },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'none' }] } },
    },
  };
  const from = performance.now();
  await client.call({ method: 'POST', path: CONTROLLERS, body });
  return { warnings, ms: performance.now() - from, name };
}

async function waitState(state: string): Promise<void> {
  const other = async (): Promise<string | undefined> => (await cluster.peersSeenBy(0)).peers.find(({ node }) => node === 'calm-2')?.state;
  await waitFor(`calm-2 is ${state}`, async () => (await other()) === state, PATIENCE);
}

/** It answers, writes, and has met no bug. */
async function expectUnaffected(): Promise<void> {
  await write();
  expect(cluster.running().map(({ node }) => node)).toContain('calm-1');
  expect(await readFile(cluster.peer(0).logFile, 'utf8')).not.toContain('a bug:');
}

beforeAll(async () => {
  await cluster.create(2);
  await cluster.start(0);
  await waitFor('the first write', async () => (await write('first')).name, PATIENCE);
});
afterAll(async () => cluster.destroy());

describe('acknowledgement', () => {
  it('warns of nothing in a cluster of one, nor when another member has the write', async () => {
    expect((await write()).warnings).toEqual([]);
    await cluster.start(1, await cluster.token(0));
    await cluster.waitAllAlive();
    expect((await write()).warnings).toEqual([]);
  });

  it('warns after two seconds when the only other member is frozen', async () => {
    cluster.freeze(1);
    const { warnings, ms } = await write();
    cluster.thaw(1);
    expect(warnings).toEqual([expect.stringContaining('no other member has confirmed it within 2 s')]);
    expect(ms).toBeGreaterThan(1_900);
    expect(ms).toBeLessThan(4_000);
    await cluster.waitAllAlive();
    await waitFor('writes are acknowledged again', async () => (await write()).warnings.length === 0, PATIENCE);
  });

  it('warns at once when the only other member is dead', async () => {
    await cluster.killDaemon(1);
    await waitState('dead');
    const { warnings, ms } = await write();
    expect(warnings).toEqual([expect.stringContaining('no other member can be reached')]);
    expect(ms).toBeLessThan(1_000);
  });
});

describe('strangers', () => {
  it('get nowhere with garbage at any port', async () => {
    const random = seededRandom(testSeed('garbage'));
    const { peerPort, apiPort } = cluster.peer(0);
    for (const port of [peerPort, peerPort, apiPort]) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.end(random.bytes(1_000_000)));
        socket.once('close', () => resolve());
        socket.once('error', () => resolve());
        socket.resume();
        setTimeout(() => socket.destroy(), 2_000).unref();
      });
    }
    const beats = createSocket('udp4');
    for (let index = 0; index < 2_000; index += 1) {
      const datagram = random.bytes(index % 10 === 0 ? 9_000 : Math.floor(random.next() * 300));
      await new Promise((resolve) => beats.send(datagram, peerPort, '127.0.0.1', resolve));
    }
    beats.close();
    await expectUnaffected();
  });

  it('are not let in with a key of their own', async () => {
    const stranger = new Libp2pTransport(
      { clock: systemClock, random: systemRandom, log: silentLog },
      { privateKey: privateKeyOfSeed(systemRandom.bytes(32)), listenAddresses: ['/ip4/127.0.0.1/tcp/0'] },
    );
    const { self, peers } = await cluster.peersSeenBy(0);
    await stranger.start();
    stranger.setMembers([{ peer: self, addresses: peers.find(({ peer }) => peer === self)?.addresses ?? [] }]);
    const refused = await waitFor('a refusal', async () =>
      stranger.request(self, 'push', new Uint8Array(10), { timeoutMs: 3_000 }).then(
        () => undefined,
        (error: Error) => error.message,
      ),
    );
    expect(refused).toMatch(/not connected|went away|closed|refused|reset/);
    await stranger.stop();
    await expectUnaffected();
  });
});

describe('a member that sends what it may not', () => {
  let evil: Libp2pTransport;
  let sign: (bytes: Uint8Array) => Uint8Array;
  let target = '';
  let clusterId = '';

  beforeAll(async () => {
    // The second peer's daemon is down since it was killed: we speak in its name.
    const { dataDir, peerPort } = cluster.peer(1);
    const identity = await loadOrCreateIdentity(dataDir);
    sign = (bytes) => identity.sign(bytes);
    const seen = await cluster.peersSeenBy(0);
    [target, clusterId] = [seen.self, seen.cluster];
    evil = new Libp2pTransport(
      { clock: systemClock, random: systemRandom, log: silentLog },
      { privateKey: identity.privateKey, listenAddresses: [`/ip4/127.0.0.1/tcp/${peerPort}`] },
    );
    await evil.start();
    evil.setMembers([{ peer: target, addresses: seen.peers.find(({ peer }) => peer === target)?.addresses ?? [] }]);
    await waitFor('we are connected', () => evil.connected().includes(target), PATIENCE);
  });
  afterAll(async () => {
    await evil.stop();
    await cluster.start(1);
    await cluster.waitAllAlive();
    expect((await write()).warnings).toEqual([]);
  });

  const ask = async (protocol: RequestProtocol, payload: Uint8Array): Promise<string> =>
    evil.request(target, protocol, payload, { timeoutMs: 10_000 }).then(
      () => 'answered',
      (error: Error) => error.message,
    );
  const message = (kind: string, body: Parameters<typeof encodeMessage>[0]['body'], of = clusterId): Uint8Array =>
    encodeMessage({ cluster: of, from: evil.self, kind, body });
  const get = async <T>(path: string): Promise<T> => cluster.peer(0).client.get<T>(path);

  it('is refused garbage, messages of another version, cluster or kind, and oversized ones', async () => {
    const garbage = seededRandom(testSeed('garbage from a member')).bytes(5_000);
    for (const protocol of ['push', 'sync', 'observed', 'probe'] as const) expect(await ask(protocol, garbage)).not.toBe('answered');
    const empty = changesBody({ id: 'ab', changes: [], tombstones: [] });
    const future = encode({ v: 99, cluster: clusterId, from: evil.self, kind: 'changes', body: empty });
    expect(await ask('push', future)).toContain('a message of wire version 99; this peer speaks 1: upgrade the older one');
    expect(await ask('push', message('changes', empty, 'f00f00f00f00f00f'))).toContain('a message of cluster f00f00f00f00f00f');
    expect(await ask('push', message('surprise', empty))).toContain('a message of kind "surprise"');
    expect(await ask('push', new Uint8Array(5_000_000))).toContain('a message of 5000000 bytes; at most 4194304 are taken');
    expect(await ask('push', new Uint8Array(17_000_000))).not.toBe('answered');
    expect(await ask('push', message('changes', empty))).toBe('answered');
    for (const topic of ['changes', 'observed', 'election'] as const) await evil.publish(topic, garbage);
    await expectUnaffected();
  });

  it('brings back nothing that is buried', async () => {
    const { name } = await write();
    await cluster.peer(0).client.call({ method: 'DELETE', path: `${CONTROLLERS}/${name}` });
    const key = `replicationcontrollers/default/${name}`;
    const edits = [{ path: '/metadata/labels/back', value: '"yes"' }];
    const edited = new AutomergeDocuments().edit({ clusterId, key, life: 1 }, undefined, edits, { actor: 'ab'.repeat(16), increment: 1 });
    const changes = [{ key, life: 1, changes: [edited.change ?? new Uint8Array()] }];
    const raw = await evil.request(target, 'push', message('changes', changesBody({ id: 'cd', changes, tombstones: [] })), {
      timeoutMs: 10_000,
    });
    expect(decodeMessage(raw, clusterId).kind).toBe('merged');
    await expect(get(`${CONTROLLERS}/${name}`)).rejects.toThrow('not found');
    await expectUnaffected();
  });

  it('cannot speak for another node', async () => {
    const ready = async (): Promise<string | undefined> => {
      const node = await get<KubeObject & { status: NodeStatus }>('/api/v1/nodes/calm-1');
      return node.status.conditions?.find(({ type }) => type === 'Ready')?.status;
    };
    expect(await ready()).toBe('True');
    const status = {
      conditions: [{ type: 'Ready', status: 'False' as const, lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'Evil', message: '' }],
    };
    for (const owner of [target, evil.self]) {
      const unsigned = {
        owner,
        node: 'calm-1',
        incarnation: 1_000_000,
        sequence: 1,
        key: 'node',
        value: { kind: 'node' as const, version: 'evil', status },
      };
      const signature = Buffer.from(sign(observedSigningBytes(unsigned as never))).toString('base64url');
      await evil.publish('observed', encodeRecords([{ ...unsigned, signature }]));
    }
    await expectUnaffected();
    expect(await ready()).toBe('True');
    expect(JSON.stringify(await cluster.peersSeenBy(0))).not.toContain('evil');
  });
});
