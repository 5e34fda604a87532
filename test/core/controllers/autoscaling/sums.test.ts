import { expect, it } from 'vitest';
import { freshPace, paced } from '../../../../daemon/core/controllers/autoscaling/pace.ts';
import { countReplicas } from '../../../../daemon/core/controllers/autoscaling/replica-calculator.ts';
import { podObject, worldOf } from '../../../support/cluster-view.ts';

const goal = { goal: () => 100, assumed: () => 100, tolerance: { up: 0.1, down: 0.1 } };

it('takes pods that nothing is known of for idle when it wants more, and counts them', () => {
  const missing = worldOf(1).create(podObject('fresh'));
  const used = new Map([
    ['a', 300],
    ['b', 300],
  ]);
  expect(countReplicas(3, { used, missing, unready: [], pods: missing }, goal)).toBe(6);
});

it('rounds percentages of a policy towards more change, as upstream', () => {
  const rules = { stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 50, periodSeconds: 15 }] };
  const scaleTargetRef = { kind: 'Deployment', name: 'web' };
  const spec = { scaleTargetRef, minReplicas: 1, maxReplicas: 10, behavior: { scaleUp: rules, scaleDown: rules } };
  expect(paced(spec, 3, 10, freshPace(3, 0), 60_000)).toBe(5);
  expect(paced(spec, 5, 1, freshPace(5, 0), 60_000)).toBe(2);
});
