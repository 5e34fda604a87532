import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Libp2pTransport } from '../../../daemon/adapters/libp2p/transport.ts';
import { connectAll, settleGossip } from '../../acceptance/transport.ts';
import { libp2pWorld, silentLog } from '../../support/libp2p-world.ts';
import type { Libp2pWorld } from '../../support/libp2p-world.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);
const until = (condition: () => void, timeout = 30_000) => vi.waitFor(condition, { timeout, interval: 10 });

describe('the libp2p transport in bad company', () => {
  let world: Libp2pWorld;
  beforeEach(() => {
    world = libp2pWorld();
  });
  afterEach(() => world.close());

  const portOf = (peer: Libp2pTransport) => Number(peer.addresses()[0]!.split('/').at(-1));
  const pair = async () => {
    const a = await world.create('a');
    const b = await world.create('b');
    b.serve('sync', async (_, payload) => payload);
    await connectAll([a, b]);
    return { a, b };
  };
  const ask = async (from: Libp2pTransport, to: Libp2pTransport) =>
    text(await from.request(to.self, 'sync', bytes('there?'), { timeoutMs: 5_000 }));

  it('lives on when garbage, half a greeting and silence come to its port', { timeout: 60_000 }, async () => {
    const { a, b } = await pair();
    const sockets: Socket[] = [];
    const garbage = [
      bytes('GET / HTTP/1.1\r\n\r\n'),
      new Uint8Array(100_000).fill(255),
      bytes('\x13/multistream/1.0.0\n'),
      new Uint8Array(0),
    ];
    let closed = 0;
    for (const each of [...garbage, ...garbage, ...garbage]) {
      const socket = connect(portOf(b), '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => closed++);
      sockets.push(socket);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(each);
    }
    expect(await ask(a, b)).toBe('there?');
    await until(() => expect(closed).toBeGreaterThanOrEqual(6), 30_000);
    expect(await ask(a, b)).toBe('there?');
    for (const socket of sockets) socket.destroy();
  });

  it('leaves out members whose ids or addresses are nonsense, and keeps the others', async () => {
    const { a, b } = await pair();
    a.setMembers([
      { peer: 'not a peer id', addresses: ['/ip4/127.0.0.1/tcp/1'] },
      { peer: b.self, addresses: ['nonsense', ...b.addresses()] },
    ]);
    a.reconnect(b.self);
    await until(() => expect(a.connected()).toEqual([b.self]));
    expect(await ask(a, b)).toBe('there?');
  });

  it('does not connect to a peer that answers at the address of another', async () => {
    const a = await world.create('a');
    const b = await world.create('b');
    const other = await world.create('other');
    await Promise.all([a.start(), b.start(), other.start()]);
    a.setMembers([
      { peer: b.self, addresses: other.addresses() },
      { peer: other.self, addresses: [] },
    ]);
    other.setMembers([{ peer: a.self, addresses: [] }]);
    await expect(a.request(b.self, 'sync', bytes('x'), { timeoutMs: 500 })).rejects.toMatchObject({ code: 'PeerUnreachable' });
    expect(a.connected()).not.toContain(b.self);
  });

  it('goes on when a listener for messages throws', async () => {
    const { a, b } = await pair();
    await settleGossip([a, b]);
    const heard: string[] = [];
    b.subscribe('changes', () => {
      throw new Error('a bug');
    });
    b.subscribe('changes', (_, payload) => heard.push(text(payload)));
    await a.publish('changes', bytes('one'));
    await a.publish('changes', bytes('two'));
    await until(() => expect(heard.sort()).toEqual(['one', 'two']));
  });

  it('says which flag to change when the port is taken', async () => {
    const { b } = await pair();
    await b.stop();
    const thief = await world.create('b');
    await thief.start();
    const again = await world.create('b');
    await expect(again.start()).rejects.toMatchObject({
      code: 'PeerPortUnavailable',
      message: expect.stringContaining('--listen') as string,
    });
  });

  it('stops soon with a request and a stream open, which would last a minute', async () => {
    const { a, b } = await pair();
    b.serve('probe', () => new Promise(() => {}));
    b.serveStream('logs', () => new Promise(() => {}));
    const asked = a.request(b.self, 'probe', bytes('x'), { timeoutMs: 60_000 }).catch((error: unknown) => error);
    await a.openStream(b.self, 'logs', bytes('x'), { signal: new AbortController().signal });
    const before = performance.now();
    await Promise.all([a.stop(), b.stop()]);
    expect(performance.now() - before).toBeLessThan(20_000);
    expect(await asked).toMatchObject({ code: 'PeerUnreachable' });
  });

  it('survives streams that are opened while their connection is being closed', async () => {
    const { a, b } = await pair();
    for (let round = 0; round < 20; round++) {
      const asked = Promise.allSettled(Array.from({ length: 10 }, () => ask(a, b)));
      if (round % 2) b.reconnect(a.self);
      else a.reconnect(b.self);
      const late = Promise.allSettled(Array.from({ length: 10 }, () => ask(a, b)));
      await Promise.all([asked, late]);
      await until(() => expect([a.connected(), b.connected()]).toEqual([[b.self], [a.self]]));
    }
    await until(() => expect(a.connected()).toEqual([b.self]));
    expect(await ask(a, b)).toBe('there?');
  });

  it('takes up gossip again after each of ten cuts', async () => {
    const { a, b } = await pair();
    for (let round = 0; round < 10; round++) {
      (round % 2 ? a : b).reconnect(round % 2 ? b.self : a.self);
      await until(() => expect([a.connected(), b.connected()]).toEqual([[b.self], [a.self]]));
      await settleGossip([a, b]);
    }
  });

  it('carries gossip between fifteen peers behind one address', { timeout: 180_000 }, async () => {
    const names = Array.from({ length: 15 }, (_, index) => `peer-${index}`);
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (message: string) => warnings.push(message) };
    const peers = await Promise.all(names.map((name) => world.create(name, log)));
    await connectAll(peers);
    await settleGossip(peers);
    const heard = peers.map(() => new Set<string>());
    peers.forEach((peer, index) => peer.subscribe('changes', (_, payload) => heard[index]!.add(text(payload))));
    for (const peer of peers) await peer.publish('changes', bytes(peer.self));
    await until(() => expect(heard.map((each) => each.size)).toEqual(peers.map(() => 14)), 20_000);
    // On a busy machine a link or two are made anew; behind a limit of links of one address it would be most of them.
    expect(warnings.length).toBeLessThan(names.length);
  });
});
