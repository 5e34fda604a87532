import { expect, it } from 'vitest';
import { EventRecorder } from '../../daemon/peer/events.ts';
import { AgentClock } from '../support/agent-clock.ts';
import { MemoryObserved, NODE, PEER } from '../support/agent-world.ts';

it('an Event is a fact of its node, counted on by the next daemon, and withdrawn after an hour', async () => {
  const observed = new MemoryObserved();
  const clock = new AgentClock();
  const metadata = { name: 'web', namespace: 'default', uid: 'uid', creationTimestamp: '' };
  const draft = {
    about: { apiVersion: 'v1', kind: 'Pod', metadata },
    type: 'Warning' as const,
    reason: 'BackOff',
    message: 'again',
    component: 'kubelet',
  };
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
