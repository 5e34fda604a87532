import { expect, it } from 'vitest';
import { budgetStatus } from '../../../daemon/core/status/budget-status.ts';
import { deploymentObject, worldOf } from '../../support/cluster-view.ts';

it.each([
  [{ minAvailable: 2 }, { desiredHealthy: 2, currentHealthy: 4, disruptionsAllowed: 2, expectedPods: 4 }],
  [{ minAvailable: '60%' }, { desiredHealthy: 3, disruptionsAllowed: 1 }],
  [{ maxUnavailable: 1 }, { desiredHealthy: 3, disruptionsAllowed: 1, expectedPods: 4 }],
  [{ maxUnavailable: '50%' }, { desiredHealthy: 2, disruptionsAllowed: 2 }],
  [{ maxUnavailable: 0 }, { desiredHealthy: 4, disruptionsAllowed: 0, conditions: [{ status: 'False', reason: 'InsufficientPods' }] }],
])('a budget with %j of four pods allows %j', (bounds, expected) => {
  const world = worldOf(2);
  world.create(deploymentObject('web', 4));
  world.create({
    apiVersion: 'policy/v1',
    kind: 'poddisruptionbudgets.policy',
    metadata: { name: 'web', namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { selector: { matchLabels: { app: 'web' } }, ...bounds },
  });
  world.converge();
  expect(budgetStatus(world.state, world.object('poddisruptionbudgets.policy/default/web'))).toMatchObject(expected);
});
