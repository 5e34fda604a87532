import { expect, it } from 'vitest';
import { EventRecorder } from '../../daemon/peer/events.ts';
import { PeerObserved } from '../../daemon/peer/observed.ts';
import { AgentClock } from '../support/agent-clock.ts';
import { MemoryObserved, NODE, PEER } from '../support/agent-world.ts';
import { fakeIdentity, fakeVerify } from '../support/liveness-world.ts';
import { MemoryNetwork } from '../support/memory-transport.ts';
import { silentLog } from '../support/silent-log.ts';
import { seededRandom, VirtualClock } from '../support/virtual-clock.ts';

const metadata = { name: 'web', namespace: 'default', uid: 'uid', creationTimestamp: '' };
const draft = {
  about: { apiVersion: 'v1', kind: 'Pod', metadata },
  type: 'Warning' as const,
  reason: 'BackOff',
  message: 'again',
  component: 'kubelet',
};

it('an Event is a fact of its node, counted on by the next daemon, and withdrawn after an hour', async () => {
  const observed = new MemoryObserved();
  const clock = new AgentClock();
  const first = new EventRecorder({ observed, clock }, { peer: PEER, node: NODE });
  first.start();
  first.record(draft);
  first.stop();
  const second = new EventRecorder({ observed, clock }, { peer: PEER, node: NODE });
  second.start();
  second.record(draft);
  const [record] = [...observed.all()];
  expect(record!.key).toMatch(/^event\/default\/web\.[0-9a-f]{27}$/);
  expect(record!.value).toMatchObject({ kind: 'event', event: { count: 2, source: { component: 'kubelet', host: NODE } } });
  await clock.advance(3_700_000);
  expect([...observed.all()]).toEqual([]);
  second.stop();
});

it('an Event of the daemon before, of which others tell only when they are connected, is withdrawn after an hour, too', async () => {
  const clock = new VirtualClock({ msPerTurn: 1_000 });
  const network = new MemoryNetwork({ clock, random: seededRandom(7) });
  const ids = ['a', 'b'];
  /** As a peer starts: the recorder before anybody is connected. */
  const run = async (id: string, incarnation: number) => {
    const transport = network.transport(id);
    const deps = { transport, identity: fakeIdentity(id), verify: fakeVerify, clock, random: seededRandom(3), log: silentLog };
    const observed = new PeerObserved(deps, { node: `node-${id}`, incarnation });
    const events = new EventRecorder({ observed, clock }, { peer: id, node: `node-${id}` });
    observed.setMembers(ids.map((peerId) => ({ peerId, nodeName: `node-${peerId}` })));
    transport.setMembers(ids.map((peer) => ({ peer, addresses: [] })));
    observed.start();
    events.start();
    await transport.start();
    const stop = async (): Promise<void> => {
      events.stop();
      observed.stop();
      await transport.stop();
    };
    return { observed, events, stop };
  };
  const [first, other] = [await run('a', 1), await run('b', 1)];
  first.events.record({ ...draft, message: 'before' });
  await clock.pass(10_000);
  await first.stop();
  const second = await run('a', 2);
  second.events.record({ ...draft, message: 'since' });
  await clock.pass(20_000);
  const messages = () => [...other.observed.all()].flatMap(({ value }) => (value?.kind === 'event' ? [value.event['message']] : []));
  expect(messages().sort()).toEqual(['before', 'since']);
  await clock.pass(3_700_000);
  expect(messages()).toEqual([]);
  await second.stop();
  await other.stop();
});
