import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import type { Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AnsweringEnd } from '../../../daemon/adapters/libp2p/answering.ts';
import { frame } from '../../../daemon/adapters/libp2p/bytes.ts';
import { Call, CallFrames } from '../../../daemon/adapters/libp2p/calls.ts';
import { MAX_CALLS_OF_A_PEER, MAX_REFUSAL_BYTES } from '../../../daemon/adapters/libp2p/limits.ts';
import { createNode } from '../../../daemon/adapters/libp2p/node.ts';
import type { PeerNode } from '../../../daemon/adapters/libp2p/node.ts';
import { CALLS } from '../../../daemon/adapters/libp2p/requests.ts';
import type { Libp2pTransport } from '../../../daemon/adapters/libp2p/transport.ts';
import { systemClock } from '../../../daemon/adapters/system/clock.ts';
import { connectAll } from '../../acceptance/transport.ts';
import { libp2pWorld, silentLog } from '../../support/libp2p-world.ts';
import type { Libp2pWorld } from '../../support/libp2p-world.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);
const until = (condition: () => void | Promise<void>, timeout = 10_000) => vi.waitFor(condition, { timeout, interval: 10 });

describe('calls that share a stream', () => {
  let world: Libp2pWorld;
  let rude: PeerNode | undefined;
  beforeEach(() => {
    world = libp2pWorld();
  });
  afterEach(async () => {
    await rude?.stop();
    rude = undefined;
    await world.close();
  });

  it('do not wait for each other: a slow answer and a large one let others pass', async () => {
    const [a, b] = [await world.create('a'), await world.create('b')];
    const slow = Promise.withResolvers<Uint8Array>();
    b.serve('probe', () => slow.promise);
    b.serve('sync', async () => new Uint8Array(4 * 1024 * 1024));
    b.serve('push', async (_, payload) => payload);
    await connected(a, b);
    const ended: string[] = [];
    const ask = async (protocol: 'probe' | 'sync' | 'push') => {
      const answer = await a.request(b.self, protocol, bytes('x'), { timeoutMs: 15_000 });
      ended.push(protocol);
      return answer;
    };
    const [probe, large] = [ask('probe'), ask('sync')];
    for (const asked of [probe, large]) asked.catch(() => undefined);
    await ask('push');
    expect(ended).toEqual(['push']);
    expect((await large).byteLength).toBe(4 * 1024 * 1024);
    slow.resolve(bytes('at last'));
    expect(text(await probe)).toBe('at last');
  });

  it('all end when the connection does, on both sides', async () => {
    const [a, b] = [await world.create('a'), await world.create('b')];
    const stopped = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    b.serve('probe', (_, __, signal) => {
      begun.resolve();
      signal.addEventListener('abort', () => stopped.resolve());
      return new Promise(() => undefined);
    });
    await connected(a, b);
    const asked = a.request(b.self, 'probe', bytes('x'), { timeoutMs: 20_000 });
    const failed = expect(asked).rejects.toMatchObject({ code: 'PeerUnreachable' });
    await begun.promise;
    a.reconnect(b.self);
    await failed;
    await stopped.promise;
  });

  it('of a peer that breaks the rules end with its stream, and others go on', async () => {
    const [a, b] = [await world.create('a'), await world.create('b')];
    b.serve('sync', async (_, payload) => payload);
    await connected(a, b);
    for (const nonsense of [frame(0, new Uint8Array(2)), frame(77, new Uint8Array(9)), new Uint8Array(200).fill(255)]) {
      const stream = await rudeStream(b, [a]);
      const closed = new Promise((resolve) => stream.addEventListener('close', resolve));
      stream.send(nonsense);
      await closed;
    }
    expect(text(await a.request(b.self, 'sync', bytes('still there?'), { timeoutMs: 5_000 }))).toBe('still there?');
  });

  it('are bounded in number, and refused by name beyond', async () => {
    const [a, b] = [await world.create('a'), await world.create('b')];
    b.serve('probe', (_, __, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(new Uint8Array(0)))));
    await connected(a, b);
    const frames = new CallFrames(await rudeStream(b, [a]));
    const protocol = bytes('/kith/1/probe');
    for (let call = 1; call <= MAX_CALLS_OF_A_PEER + 1; call += 1)
      await frames.send(Call.ask, call, Uint8Array.of(protocol.byteLength), protocol);
    const refused = await frames.next();
    expect(refused).toMatchObject({ type: Call.refusal, call: MAX_CALLS_OF_A_PEER + 1 });
    expect(text(refused.body)).toContain('too many');
    expect(refused.body.byteLength).toBeLessThan(MAX_REFUSAL_BYTES);
    await frames.send(Call.cancel, 1);
    // The one that was cancelled made room.
    await until(async () => {
      await frames.send(Call.ask, 1_000, Uint8Array.of(3), bytes('abc'));
      expect(text((await frames.next()).body)).toContain('does not serve abc');
    });
  });

  it('open another stream when the one they had is gone', async () => {
    const [a, b] = [await world.create('a'), await world.create('b')];
    b.serve('sync', async (_, payload) => payload);
    await connected(a, b);
    const ask = () => a.request(b.self, 'sync', bytes('x'), { timeoutMs: 5_000 });
    await ask();
    b.reconnect(a.self);
    await until(() => expect(a.connected()).toEqual([b.self]));
    await until(async () => expect(text(await ask())).toBe('x'));
  });

  /** On a busy machine both dial at once, and the second connection takes the place of the first: until none is replaced any more. */
  async function connected(a: Libp2pTransport, b: Libp2pTransport): Promise<void> {
    a.serve('observed', async () => bytes('here'));
    b.serve('observed', async () => bytes('here'));
    await connectAll([a, b]);
    await until(async () => {
      await a.request(b.self, 'observed', bytes('?'), { timeoutMs: 5_000 });
      await b.request(a.self, 'observed', bytes('?'), { timeoutMs: 5_000 });
    });
  }

  /** A member that speaks libp2p and answers pings, with a call stream to `to`. */
  async function rudeStream(to: Libp2pTransport, others: readonly Libp2pTransport[]): Promise<Stream> {
    await rude?.stop();
    const key = await generateKeyPair('Ed25519');
    const self = peerIdFromPrivateKey(key).toString();
    to.setMembers([...others.map((other) => ({ peer: other.self, addresses: other.addresses() })), { peer: self, addresses: [] }]);
    rude = await createNode({
      privateKey: privateKeyToProtobuf(key),
      listenAddresses: [],
      announceAddresses: [],
      topics: [],
      isMember: () => true,
      mayKnock: () => false,
    });
    // The other side drops a link on which nothing answers.
    const polite = { clock: systemClock, log: silentLog, handlerOf: () => async () => new Uint8Array(0) };
    await rude.handle(CALLS, (stream) => void new AnsweringEnd(stream, to.self, polite).serve());
    await rude.start();
    const connection = await rude.dial(multiaddr(`${to.addresses()[0]}/p2p/${to.self}`));
    expect(connection.remotePeer.equals(peerIdFromString(to.self))).toBe(true);
    return connection.newStream(CALLS);
  }
});
