import { expect, it } from 'vitest';
import { digestAnswer } from '../../daemon/peer/endpoints.ts';
import { createWeb, deploymentKey, exchange, makeReplica, patchSpec, pod, podKey } from '../support/replica-world.ts';

it('two peers tell the same digest when they hold the same, in whatever order it came, and another one after any change', async () => {
  const [left, right] = [(await makeReplica()).replica, (await makeReplica()).replica];
  await createWeb(left);
  await right.write([{ type: 'create', key: podKey('a'), object: pod('a') }]);
  const before = digestAnswer(left, { objects: false });
  expect(digestAnswer(right, { objects: false }).digest).not.toBe(before.digest);
  await exchange(left, right);
  const [ours, theirs] = [digestAnswer(left, { objects: true }), digestAnswer(right, { objects: true })];
  expect(theirs).toEqual(ours);
  expect([...Object.keys(ours.objects ?? {})]).toEqual([deploymentKey('web'), podKey('a')].sort());
  await patchSpec(left, { replicas: 9 });
  const changed = digestAnswer(left, { objects: true });
  expect(changed.digest).not.toBe(ours.digest);
  expect(changed.objects?.[podKey('a')]).toBe(ours.objects?.[podKey('a')]);
  expect(before).toMatchObject({ count: 1 });
  expect(before).not.toHaveProperty('objects');
});
