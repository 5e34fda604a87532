import { describe, expect, it, vi } from 'vitest';
import { systemClock, systemRandom } from '../../daemon/adapters/system/clock.ts';
import { connectAll, transportAcceptance } from '../acceptance/transport.ts';
import { MemoryNetwork } from './memory-transport.ts';

const makeNetwork = () => new MemoryNetwork({ clock: systemClock, random: systemRandom });

transportAcceptance('the transport in memory', async () => {
  const network = makeNetwork();
  const made = new Set<ReturnType<typeof network.transport>>();
  return {
    create: async (name) => {
      const transport = network.transport(name);
      made.add(transport);
      return transport;
    },
    close: async () => {
      for (const transport of made) await transport.stop();
    },
  };
});

describe('links of the network in memory', () => {
  const pair = async () => {
    const network = makeNetwork();
    const a = network.transport('a');
    const b = network.transport('b');
    b.serve('sync', async (_, payload) => payload);
    await connectAll([a, b]);
    return { network, a, b };
  };
  const ask = (from: ReturnType<MemoryNetwork['transport']>) => from.request('b', 'sync', new Uint8Array([1]), { timeoutMs: 50 });

  it('break and tell when cut, and come back when healed', async () => {
    const { network, a } = await pair();
    network.cut('a', 'b');
    expect(a.connected()).toEqual([]);
    await expect(ask(a)).rejects.toMatchObject({ code: 'PeerUnreachable' });
    network.heal('a', 'b');
    await expect(ask(a)).resolves.toEqual(new Uint8Array([1]));
  });

  it('lose silently in one direction when muted', async () => {
    const { network, a, b } = await pair();
    const heard: string[] = [];
    a.subscribe('changes', () => heard.push('a'));
    b.subscribe('changes', () => heard.push('b'));
    network.mute('b', 'a');
    expect(a.connected()).toEqual(['b']);
    await expect(ask(a)).rejects.toMatchObject({ code: 'RequestTimeout' });
    await b.publish('changes', new Uint8Array([1]));
    await a.publish('changes', new Uint8Array([2]));
    await vi.waitFor(() => expect(heard).toEqual(['b']));
  });

  it('delay and lose gossip as told, and forward it around a cut', async () => {
    const network = makeNetwork();
    const [a, b, c] = [network.transport('a'), network.transport('b'), network.transport('c')];
    await connectAll([a, b, c]);
    network.cut('a', 'c');
    network.delay('a', 'b', 30);
    const from: string[] = [];
    c.subscribe('changes', (peer) => from.push(peer));
    const before = systemClock.monotonic();
    await a.publish('changes', new Uint8Array([1]));
    await vi.waitFor(() => expect(from).toEqual(['b']));
    expect(systemClock.monotonic() - before).toBeGreaterThan(25);
    network.lose('a', 'b', 1);
    await a.publish('changes', new Uint8Array([2]));
    network.lose('a', 'b', 0);
    await a.publish('changes', new Uint8Array([3]));
    await vi.waitFor(() => expect(from.length).toBe(2));
  });
});
