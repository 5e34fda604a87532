import { expect, it } from 'vitest';
import { realPeers } from '../support/real-peers.ts';
import { counters, isReady, namesOf, pod } from '../support/workloads.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';

const peers = realPeers(2, 'two');
const { cluster } = peers;

it('of two peers one dies: the other runs all, takes orders with a warning, and both agree after its return', async () => {
  await peers.apply(0, counters('counter', 4));
  await peers.apply(1, pod('alone', { cpu: '10m' }, { app: 'alone' }));
  await Promise.all([peers.waitReady(1, 'app=counter', 4), peers.waitReady(1, 'app=alone', 1)]);
  await cluster.powerCut(0);
  await waitFor(
    'all run on the survivor',
    async () => (await peers.pods(1)).filter((one) => isReady(one) && one.spec.nodeName === 'two-2').length === 5,
    { timeoutMs: PATIENCE_MS, everyMs: 50 },
  );

  const order = await peers.command(1, ['scale', 'rc/counter', '--replicas=5']);
  expect(order.code).toBe(0);
  expect(order.err).toMatch(/^Warning: .*/);
  await peers.kith(1, ['delete', 'pod', 'alone']);
  await waitFor('five counters', async () => (await peers.pods(1, 'app=counter')).filter((one) => isReady(one)).length >= 5, {
    timeoutMs: PATIENCE_MS,
  });

  await cluster.start(0);
  await cluster.waitAllAlive();
  const [there, here] = await Promise.all([peers.waitReady(0, 'app=counter', 5), peers.waitReady(1, 'app=counter', 5)]);
  expect(namesOf(there)).toEqual(namesOf(here));
  await waitFor('the deleted pod is gone at both', async () => {
    const views = await Promise.all([0, 1].map(async (index) => peers.pods(index, 'app=alone')));
    return views.every((pods) => pods.length === 0);
  });
  await peers.waitNothingTwice(0);
  const answer = await peers.command(0, ['annotate', 'rc', 'counter', 'note=both']);
  expect(answer).toMatchObject({ code: 0, err: '' });
});
