import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KithError } from '../../protocol/errors.ts';
import type { Transport } from '../../daemon/ports/transport.ts';

/** Where a transport lives: makes peers that can reach each other. Same name, same peer id, also after a stop. */
export interface TransportWorld {
  create(name: string): Promise<Transport>;
  /** Stops every peer made and frees what the world holds. */
  close(): Promise<void>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);
const PATIENCE = { timeout: 10_000, interval: 10 };
/** Dozens of peers in one process on a busy machine need a while to greet each other. */
const until = (condition: () => void, peers = 0) => vi.waitFor(condition, { ...PATIENCE, timeout: PATIENCE.timeout + peers * 4_000 });
const codeOf = (error: unknown) => (error instanceof KithError ? (error as KithError).code : error);

/** Starts the peers, tells each of all, and waits until all are connected. */
export async function connectAll(peers: readonly Transport[]): Promise<void> {
  await Promise.all(peers.map((peer) => peer.start()));
  const members = peers.map((peer) => ({ peer: peer.self, addresses: peer.addresses() }));
  for (const peer of peers) peer.setMembers(members);
  await until(() => {
    for (const peer of peers) expect(peer.connected().length).toBe(peers.length - 1);
  }, peers.length);
}

/** Publishes until everyone heard at least once: right after connecting, gossip may still be settling. */
export async function settleGossip(peers: readonly Transport[]): Promise<void> {
  const heard = new Set<string>();
  const stops = peers.map((peer) => peer.subscribe('election', (_, payload) => heard.add(`${text(payload).split(' ')[0]} ${peer.self}`)));
  let round = 0;
  await until(() => {
    round++;
    for (const peer of peers) void peer.publish('election', bytes(`${peer.self} ${round}`));
    expect(heard.size).toBe(peers.length * (peers.length - 1));
  }, peers.length);
  for (const stop of stops) stop();
}

/** What every {@link Transport} keeps. */
export function transportAcceptance(name: string, makeWorld: () => Promise<TransportWorld>): void {
  describe(`${name} keeps the contract of a transport`, () => {
    let world: TransportWorld;
    beforeEach(async () => {
      world = await makeWorld();
    });
    afterEach(() => world.close());
    const trio = async () => {
      const peers = [await world.create('a'), await world.create('b'), await world.create('c')] as const;
      return peers;
    };

    it('answers a request, and says who asked', async () => {
      const [a, b, c] = await trio();
      b.serve('sync', async (from, payload) => bytes(`${from === a.self ? 'a' : '?'} asked ${text(payload)}`));
      await connectAll([a, b, c]);
      expect(text(await a.request(b.self, 'sync', bytes('what'), { timeoutMs: 5_000 }))).toBe('a asked what');
      expect(await a.request(b.self, 'sync', new Uint8Array(0), { timeoutMs: 5_000 })).toEqual(bytes('a asked '));
    });

    it('carries large requests and many at once', async () => {
      const [a, b, c] = await trio();
      b.serve('sync', async (_, payload) => payload);
      await connectAll([a, b, c]);
      const large = new Uint8Array(5 * 1024 * 1024).map((_, index) => index % 251);
      expect(Buffer.compare(await a.request(b.self, 'sync', large, { timeoutMs: 15_000 }), large)).toBe(0);
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => a.request(b.self, 'sync', bytes(`${index}`), { timeoutMs: 10_000 })),
      );
      expect(answers.map(text)).toEqual(Array.from({ length: 100 }, (_, index) => `${index}`));
    });

    it('carries the words of a handler that refused', async () => {
      const [a, b, c] = await trio();
      b.serve('push', async () => {
        throw new KithError('Nope', 'the disk is full');
      });
      await connectAll([a, b, c]);
      const failed = await a.request(b.self, 'push', bytes('x'), { timeoutMs: 5_000 }).catch((error: unknown) => error);
      expect(codeOf(failed)).toBe('RequestRefused');
      expect((failed as Error).message).toContain('the disk is full');
    });

    it('refuses what nobody serves, what is too large and what comes from or goes to no member', async () => {
      const [a, b, c] = await trio();
      b.serve('sync', async (_, payload) => payload);
      await connectAll([a, b, c]);
      expect(codeOf(await a.request(b.self, 'observed', bytes('x'), { timeoutMs: 5_000 }).catch((error: unknown) => error))).toBe(
        'RequestRefused',
      );
      const tooLarge = new Uint8Array(16 * 1024 * 1024 + 1);
      expect(codeOf(await a.request(b.self, 'sync', tooLarge, { timeoutMs: 5_000 }).catch((error: unknown) => error))).toBe(
        'RequestRefused',
      );
      const stranger = await world.create('stranger');
      expect(codeOf(await a.request(stranger.self, 'sync', bytes('x'), { timeoutMs: 5_000 }).catch((error: unknown) => error))).toBe(
        'PeerUnreachable',
      );
    });

    it('gives up in time when no answer comes, and at once when the caller does', async () => {
      const [a, b, c] = await trio();
      let [begun, stopped] = [0, 0];
      b.serve('probe', async (_, __, signal) => {
        begun++;
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        stopped++;
        return bytes('late');
      });
      await connectAll([a, b, c]);
      expect(codeOf(await a.request(b.self, 'probe', bytes('x'), { timeoutMs: 500 }).catch((error: unknown) => error))).toBe(
        'RequestTimeout',
      );
      const controller = new AbortController();
      const asked = a.request(b.self, 'probe', bytes('x'), { timeoutMs: 60_000, signal: controller.signal });
      // On a busy machine the first question may have ended before it arrived.
      const before = begun;
      await until(() => expect(begun).toBeGreaterThan(before));
      controller.abort(new Error('changed my mind'));
      await expect(asked).rejects.toThrow('changed my mind');
      await until(() => expect(stopped).toBe(begun));
    });

    it('publishes to all others and not to itself', async () => {
      const peers = await trio();
      const heard = peers.map(() => new Set<string>());
      peers.forEach((peer, index) => peer.subscribe('changes', (_, payload) => heard[index]!.add(text(payload))));
      await connectAll(peers);
      await settleGossip(peers);
      for (const peer of peers) await peer.publish('changes', bytes(peer.self));
      await until(() =>
        peers.forEach((peer, index) => {
          const others = peers.filter((other) => other !== peer).map((other) => other.self);
          expect([...heard[index]!].sort()).toEqual(others.sort());
        }),
      );
    });

    it('keeps topics apart and ends a subscription', async () => {
      const peers = await trio();
      const [a, b] = peers;
      const changes: string[] = [];
      const observed: string[] = [];
      await connectAll(peers);
      await settleGossip(peers);
      const stop = b.subscribe('changes', (_, payload) => changes.push(text(payload)));
      b.subscribe('observed', (_, payload) => observed.push(text(payload)));
      await a.publish('changes', bytes('one'));
      await until(() => expect(changes).toEqual(['one']));
      stop();
      await a.publish('changes', bytes('two'));
      await a.publish('observed', bytes('three'));
      await until(() => expect(observed).toEqual(['three']));
      expect(changes).toEqual(['one']);
    });

    it('refuses to publish what is too large for gossip', async () => {
      const [a, b, c] = await trio();
      await connectAll([a, b, c]);
      expect(codeOf(await a.publish('changes', new Uint8Array(3 * 1024 * 1024)).catch((error: unknown) => error))).toBe('MessageTooLarge');
    });

    it('connects only peers that list each other', async () => {
      const [a, b, c] = await trio();
      await connectAll([a, b]);
      b.serve('sync', async () => bytes('secret'));
      await c.start();
      c.setMembers([a, b].map((peer) => ({ peer: peer.self, addresses: peer.addresses() })));
      const heard: string[] = [];
      b.subscribe('changes', (_, payload) => heard.push(text(payload)));
      await expect(c.request(b.self, 'sync', bytes('x'), { timeoutMs: 1_000 })).rejects.toThrow(KithError);
      await settleGossip([a, b]);
      // As often and as long as gossip among members needs to get through many times over.
      for (let round = 0; round < 50; round++) {
        await c.publish('changes', bytes(`from a stranger ${round}`));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(heard).toEqual([]);
      expect(a.connected()).toEqual([b.self]);
      expect(b.connected()).toEqual([a.self]);
    });

    it('tells one that is no member any more so when it comes, takes nothing from it, and passes nothing of it on', async () => {
      const [a, b, c] = await trio();
      await connectAll([a, b]);
      await settleGossip([a, b]);
      a.turnAway((peer) => (peer === c.self ? bytes('removed') : undefined));
      a.serve('sync', async () => bytes('secret'));
      const [told, heard, events]: [string[], string[], string[]] = [[], [], []];
      for (const peer of [a, b]) peer.subscribe('changes', (_, payload) => heard.push(text(payload)));
      a.onPeer(({ type, peer }) => events.push(`${type} ${peer}`));
      // It keeps the connection open by not answering.
      const tried = Promise.withResolvers<void>();
      c.serve('push', async (from, payload) => {
        told.push(`${from === a.self ? 'a' : from} says ${text(payload)}`);
        await tried.promise;
        return bytes('');
      });
      await c.start();
      c.setMembers([a, b].map((peer) => ({ peer: peer.self, addresses: peer.addresses() })));
      await until(() => expect(told).toEqual(['a says removed']));
      // Twice as long as gossip with a new neighbour needs to begin.
      for (let round = 0; round < 250; round++) {
        await c.publish('changes', bytes(`from the removed ${round}`));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await expect(c.request(a.self, 'sync', bytes('x'), { timeoutMs: 1_000 })).rejects.toThrow(KithError);
      tried.resolve();
      await until(() => expect(c.connected()).toEqual([]));
      expect(heard).toEqual([]);
      expect(events).toEqual([]);
      expect(a.connected()).toEqual([b.self]);
    });

    it('disconnects who is no longer a member, and tells', async () => {
      const peers = await trio();
      const [a, b, c] = peers;
      await connectAll(peers);
      const events: string[] = [];
      a.onPeer(({ type, peer }) => events.push(`${type} ${peer}`));
      a.setMembers([{ peer: b.self, addresses: b.addresses() }]);
      await until(() => expect(a.connected()).toEqual([b.self]));
      await until(() => expect(events).toEqual([`disconnected ${c.self}`]));
      await until(() => expect(c.connected()).toEqual([b.self]));
    });

    it('finds a peer again that stopped and came back with the same identity', async () => {
      const peers = await trio();
      const [a, b, c] = peers;
      await connectAll(peers);
      await c.stop();
      await until(() => expect(a.connected()).toEqual([b.self]));
      const again = await world.create('c');
      expect(again.self).toBe(c.self);
      again.serve('sync', async () => bytes('back'));
      await again.start();
      again.setMembers([a, b].map((peer) => ({ peer: peer.self, addresses: peer.addresses() })));
      await until(() => expect(a.connected().length).toBe(2));
      expect(text(await a.request(again.self, 'sync', bytes('x'), { timeoutMs: 5_000 }))).toBe('back');
      await settleGossip([a, b, again]);
    });

    it('breaks open requests when the peer goes away', async () => {
      const peers = await trio();
      const [a, b] = peers;
      let asked = 0;
      b.serve('sync', (_, __, signal) => {
        asked++;
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('gone'))));
      });
      await connectAll(peers);
      const failed = a.request(b.self, 'sync', bytes('x'), { timeoutMs: 60_000 }).catch((error: unknown) => error);
      await until(() => expect(asked).toBe(1));
      await b.stop();
      expect(codeOf(await failed)).toBe('PeerUnreachable');
    });

    it('makes a connection anew on demand', async () => {
      const peers = await trio();
      const [a, b] = peers;
      b.serve('sync', async () => bytes('here'));
      await connectAll(peers);
      const events: string[] = [];
      a.onPeer(({ type, peer }) => events.push(`${type} ${peer === b.self ? 'b' : peer}`));
      a.reconnect(b.self);
      await until(() => expect(events).toEqual(['disconnected b', 'connected b']));
      expect(text(await a.request(b.self, 'sync', bytes('x'), { timeoutMs: 5_000 }))).toBe('here');
    });

    it('measures round trips', async () => {
      const peers = await trio();
      await connectAll(peers);
      await until(() => expect(peers[0].roundTripMs(peers[1].self)).toBeGreaterThanOrEqual(0));
      expect(peers[0].roundTripMs(peers[1].self)).toBeLessThan(5_000);
    });

    describe('streams', () => {
      it('go both ways after a header, and end in order', async () => {
        const peers = await trio();
        const [a, b] = peers;
        b.serveStream('logs', async (from, header, stream) => {
          await stream.write(bytes(`${from === a.self ? 'a' : '?'} ${text(header)}:`));
          for await (const chunk of stream.source) await stream.write(bytes(text(chunk).toUpperCase()));
        });
        await connectAll(peers);
        const stream = await a.openStream(b.self, 'logs', bytes('head'), { signal: new AbortController().signal });
        await stream.write(bytes('one '));
        await stream.write(bytes('two'));
        await stream.end();
        let all = '';
        for await (const chunk of stream.source) all += text(chunk);
        expect(all).toBe('a head:ONE TWO');
      });

      it('hold a fast writer back until the reader takes', async () => {
        const peers = await trio();
        const [a, b] = peers;
        const chunk = new Uint8Array(64 * 1024).fill(7);
        const chunks = 400;
        let written = 0;
        b.serveStream('logs', async (_, __, stream) => {
          for (; written < chunks; written++) await stream.write(chunk);
        });
        await connectAll(peers);
        const stream = await a.openStream(b.self, 'logs', bytes('x'), { signal: new AbortController().signal });
        const reader = stream.source[Symbol.asyncIterator]();
        await reader.next();
        let seen = -1;
        await vi.waitFor(
          () => {
            const before = seen;
            seen = written;
            expect(before).toBe(written);
          },
          { timeout: 5_000, interval: 100 },
        );
        expect(written).toBeLessThan(200);
        let total = chunk.byteLength;
        for (let next = await reader.next(); !next.done; next = await reader.next()) total += next.value.byteLength;
        expect(total).toBe(chunks * chunk.byteLength);
        expect(written).toBe(chunks);
      });

      it('carry the reason of a handler that failed', async () => {
        const peers = await trio();
        const [a, b] = peers;
        b.serveStream('logs', async (_, __, stream) => {
          await stream.write(bytes('some'));
          throw new Error('container "web" is gone');
        });
        await connectAll(peers);
        const stream = await a.openStream(b.self, 'logs', bytes('x'), { signal: new AbortController().signal });
        const read = async () => {
          for await (const chunk of stream.source) expect(text(chunk)).toBe('some');
        };
        await expect(read()).rejects.toThrow('container "web" is gone');
      });

      it('stop the handler when the opener aborts', async () => {
        const peers = await trio();
        const [a, b] = peers;
        let stopped = false;
        b.serveStream('logs', async (_, __, stream, signal) => {
          await stream.write(bytes('first'));
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          stopped = true;
        });
        await connectAll(peers);
        const controller = new AbortController();
        const stream = await a.openStream(b.self, 'logs', bytes('x'), { signal: controller.signal });
        expect((await stream.source[Symbol.asyncIterator]().next()).value).toEqual(bytes('first'));
        controller.abort(new Error('enough'));
        await until(() => expect(stopped).toBe(true));
      });

      it('fail on both sides, and do not end, when the link breaks', async () => {
        const peers = await trio();
        const [a, b] = peers;
        b.serveStream('logs', async (_, __, stream, signal) => {
          await stream.write(bytes('first'));
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        });
        await connectAll(peers);
        const stream = await a.openStream(b.self, 'logs', bytes('x'), { signal: new AbortController().signal });
        const reader = stream.source[Symbol.asyncIterator]();
        await reader.next();
        const failed = expect(reader.next()).rejects.toThrow(KithError);
        await b.stop();
        await failed;
      });
    });
  });
}
