/** Days on which a daemon must not start, or a host not join: each is refused with a reason that a person understands, and with an exit code. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LevelStore } from '../../daemon/adapters/level-store/level-store.ts';
import { ApiClient } from '../../cli/client.ts';
import type { TokenAnswer } from '../../protocol/answers.ts';
import { decodeJoinToken, encodeJoinToken } from '../../protocol/token.ts';
import { DIST, hostWords, runKithd } from '../support/kithd.ts';
import { freePort, LocalCluster } from '../support/local-cluster.ts';
import { seededRandom } from '../support/virtual-clock.ts';
import { waitFor } from '../support/wait.ts';

const cluster = new LocalCluster({ dist: DIST, runtime: 'process', imageFolders: [], share: 3, prefix: 'host' });
const other = new LocalCluster({ dist: DIST, runtime: 'process', imageFolders: [], share: 3, prefix: 'other' });

beforeAll(async () => {
  await Promise.all([cluster.create(2), other.create(1)]);
  await Promise.all([cluster.start(0), other.start(0)]);
});
afterAll(async () => Promise.all([cluster.destroy(), other.destroy()]));

/** Starts a new host with this token. A host that was refused belongs to no cluster afterwards. */
async function join(name: string, token: string, words: readonly string[] = []): Promise<{ exit: number | string; text: string }> {
  const ended = await runKithd([...(await hostWords(cluster.folder, name)), '--join', token, ...words]);
  expect(existsSync(path.join(cluster.folder, name, 'data', 'cluster.json'))).toBe(false);
  return ended;
}
const members = async (): Promise<string[]> => (await cluster.peersSeenBy(0)).peers.map(({ node }) => node).sort();

describe('joining', () => {
  it('refuses what is no token, one with a wrong secret, and one of another cluster', async () => {
    const token = await cluster.token(0);
    const parts = decodeJoinToken(token);
    const wrongSecret = encodeJoinToken({ ...parts, secret: new Uint8Array(16) });
    const unknown = encodeJoinToken({ ...parts, id: 'bcdfghjklm' });
    const foreign = decodeJoinToken(await other.token(0));
    const [garbage, cutOff, secret, id, elsewhere] = await Promise.all([
      join('garbage', 'open-sesame'),
      join('cut-off', token.slice(0, 30)),
      join('wrong-secret', wrongSecret),
      join('unknown', unknown),
      join('elsewhere', encodeJoinToken({ ...foreign, addresses: parts.addresses })),
    ]);
    expect([garbage, cutOff, secret, id, elsewhere].map(({ exit }) => exit)).toEqual([2, 2, 1, 1, 1]);
    expect(garbage.text).toContain('does not start with kith1.');
    expect(cutOff.text).toContain('it is cut off or was changed');
    expect(secret.text).toContain("the token's secret is wrong");
    expect(id.text).toContain('this cluster has no such token');
    expect(elsewhere.text).toContain('the token is of another cluster');
    for (const { text } of [garbage, cutOff, secret]) expect(text).not.toContain(Buffer.from(parts.secret).toString('base64url'));
    expect(await members()).toEqual(['host-1']);
  });

  it('refuses an expired token and one whose members do not answer', async () => {
    const { client } = cluster.peer(0);
    const parts = decodeJoinToken(await cluster.token(0));
    const answer = await client.call({ method: 'POST', path: '/kith.dev/v1/tokens', body: { ttlSeconds: 1 } });
    const { token, expiresAt } = answer.body as TokenAnswer;
    await waitFor('the token expires', () => Date.now() > Date.parse(expiresAt));
    const nobody = encodeJoinToken({ ...parts, addresses: [`https://127.0.0.1:${await freePort()}`] });
    const [expired, unreachable] = await Promise.all([join('expired', token), join('unreachable', nobody)]);
    expect([expired.exit, unreachable.exit]).toEqual([1, 1]);
    expect(expired.text).toContain(`the token expired at ${expiresAt}`);
    expect(unreachable.text).toContain('nothing listens there (connection refused)');
    expect(unreachable.text).toContain('is one running, and is its API port open to this host?');
  });

  it('lets one host in with a token, and refuses the next one, and a second host of one name', async () => {
    const token = await cluster.token(0);
    await cluster.start(1, token);
    const [used, named] = await Promise.all([join('second', token), join('twin', await cluster.token(0), ['--node-name', 'host-2'])]);
    expect([used.exit, named.exit]).toEqual([1, 1]);
    expect(used.text).toContain('the token was used already');
    expect(named.text).toContain('a node named "host-2" is a member already');
    expect(named.text).toContain('--node-name');
    expect(await members()).toEqual(['host-1', 'host-2']);
  });

  it('refuses to join with the data folder of another cluster, which stays as it is', async () => {
    await other.stop(0);
    const { dataDir } = other.peer(0);
    const refused = await runKithd([...(await hostWords(other.folder, 'mover')), '--data-dir', dataDir, '--join', await cluster.token(0)]);
    expect(refused.exit).toBe(1);
    expect(refused.text).toContain(`the token is of another cluster than the data folder ${dataDir}`);
    await other.start(0);
    expect((await other.peersSeenBy(0)).complete).toBe(true);
  });
});

describe('starting', () => {
  it('refuses a second daemon on one data folder, and the first goes on', async () => {
    const { dataDir } = cluster.peer(0);
    const second = await runKithd([...(await hostWords(cluster.folder, 'again')), '--data-dir', dataDir]);
    expect(second.exit).toBe(1);
    expect(second.text).toMatch(/another process has .* open: stop that daemon, or give this one a --data-dir of its own/);
    expect(await members()).toContain('host-1');
  });

  it('names the flag of a port or socket that is taken, of a socket path that is too long, or of a key whose medium is not there', async () => {
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const busy = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    const [peers, api, socket, long, key] = await Promise.all([
      runKithd([...(await hostWords(cluster.folder, 'busy-peers')), '--listen', busy]),
      runKithd([...(await hostWords(cluster.folder, 'busy-api')), '--api-listen', busy]),
      runKithd([...(await hostWords(cluster.folder, 'busy-socket')), '--socket', cluster.peer(0).socket]),
      runKithd([...(await hostWords(cluster.folder, 'long-socket')), '--socket', path.join(cluster.folder, 'x'.repeat(100), 'kith.sock')]),
      runKithd([...(await hostWords(cluster.folder, 'no-key')), '--key-file', path.join(cluster.folder, 'usb', 'kith.key')]),
    ]);
    taken.close();
    expect(peers.text).toMatch(/kithd: can't listen on .*: another program listens there; choose another with --listen/);
    expect(api.text).toMatch(new RegExp(`kithd: can't listen on ${busy}: another program listens there; choose another with --api-listen`));
    expect(socket.text).toMatch(/kithd: the socket .* is taken: another daemon answers on it: .* --socket/);
    expect(long.text).toMatch(/kithd: --socket .*: the path is longer than 100 bytes/);
    expect(key.text).toMatch(/kithd: --key-file .*kith.key: there is no such file: is its medium there\?/);
    expect([peers.exit, api.exit, socket.exit, long.exit, key.exit]).toEqual([1, 1, 1, 2, 1]);
    expect(await members()).toContain('host-1');
  });

  it.runIf(existsSync('/dev/full'))('runs on when its log can not be written: the disk is full, or who read it is gone', async () => {
    const words = await hostWords(cluster.folder, 'no-log');
    const socket = words[words.indexOf('--socket') + 1] ?? '';
    const full = openSync('/dev/full', 'w');
    for (const stderr of [full, 'pipe'] as const) {
      const child = spawn(process.execPath, [path.join(DIST, 'kithd.js'), ...words], { stdio: ['ignore', 'ignore', stderr] });
      child.stderr?.destroy();
      const ended = once(child, 'exit');
      const client = new ApiClient({ type: 'socket', path: socket }, () => undefined);
      const isUp = async (): Promise<boolean> => {
        expect(child.exitCode).toBeNull();
        return client.call({ path: '/version' }).then(
          () => true,
          () => false,
        );
      };
      await waitFor('it is up', isUp, { timeoutMs: 30_000 });
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    }
    closeSync(full);
  });

  it('goes on with a founding that a kill cut short', async () => {
    const { dataDir } = other.peer(0);
    const { cluster: clusterId, self } = await other.peersSeenBy(0);
    await other.killDaemon(0);
    const store = new LevelStore({ directory: path.join(dataDir, 'store') });
    await store.open();
    await store.write([
      { type: 'delete', key: 'peer/complete' },
      { type: 'put', key: 'peer/founding', value: new TextEncoder().encode(clusterId) },
      { type: 'delete', key: `replica/o/members.kith.dev//${self}` },
    ]);
    await store.close();
    await other.start(0);
    await waitFor('it leads itself', async () => (await other.peersSeenBy(0)).leader.peer === self);
    expect(await other.peersSeenBy(0)).toMatchObject({ complete: true, cluster: clusterId, peers: [{ node: 'other-1' }] });
  });

  it('founds or joins whole, wherever a kill strikes, or can do it again', async () => {
    const seed = Number(process.env['KITH_TEST_SEED'] ?? Date.now() % 1_000_000_000);
    console.log(`kills while founding and joining: KITH_TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    const young = new LocalCluster({ dist: DIST, runtime: 'process', imageFolders: [], share: 3, prefix: 'young' });
    try {
      await young.create(2);
      for (let kills = 0; kills < 2; kills += 1) await killedWhileStarting(young, 0, undefined, 300 + Math.round(random.next() * 1_200));
      await young.start(0);
      const token = await young.token(0);
      for (let kills = 0; kills < 2; kills += 1) await killedWhileStarting(young, 1, token, 300 + Math.round(random.next() * 1_200));
      await young.start(1, token);
      await young.waitAllAlive();
      expect((await young.peersSeenBy(1)).peers).toHaveLength(2);
    } finally {
      await young.destroy();
    }
  });
});

/** Starts a peer and kills it so soon that it may not even have begun. */
async function killedWhileStarting(young: LocalCluster, index: number, token: string | undefined, afterMs: number): Promise<void> {
  const kill = setTimeout(() => void young.killDaemon(index), afterMs);
  const abort = AbortSignal.timeout(afterMs + 50);
  await young.start(index, token, { signal: abort }).catch(() => undefined);
  clearTimeout(kill);
  await young.killDaemon(index);
}
