import { describe, expect, it } from 'vitest';
import { autoscalerStatus } from '../../../../daemon/core/status/autoscaler-status.ts';
import type { ObjectKey, StoredObject } from '../../../../protocol/objects.ts';
import type { HorizontalPodAutoscalerSpec } from '../../../../protocol/types.ts';
import { formatTime } from '../../../../protocol/values/time.ts';
import {
  type ClusterWorld,
  deploymentObject,
  EPOCH_MS,
  replicaSetObject,
  replicationControllerObject,
  worldOf,
} from '../../../support/cluster-view.ts';

const KEY: ObjectKey = 'horizontalpodautoscalers.autoscaling/default/web';
const WEB: ObjectKey = 'deployments.apps/default/web';

function autoscaler(spec: Partial<HorizontalPodAutoscalerSpec> = {}): StoredObject {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 2,
      maxReplicas: 6,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
      ...spec,
    },
  };
}

function scale(world: ClusterWorld, replicas: number, key = WEB): number {
  world.edit(key, (draft) => (draft.spec = { ...(draft.spec as object), replicas }));
  world.converge({ quietMs: 2_000 });
  return replicasOf(world, key);
}

function replicasOf(world: ClusterWorld, key = WEB): number {
  return (world.object(key).object.spec as { replicas: number }).replicas;
}

const statusOf = (world: ClusterWorld) => autoscalerStatus(world.state, world.object(KEY), world.now.wall);
const reasons = (world: ClusterWorld) =>
  (statusOf(world).conditions ?? []).map(({ type, status, reason }) => `${type} ${status} ${reason}`);

describe('a HorizontalPodAutoscaler without a metric', () => {
  it('brings its fewest pods at once and leaves what is within its bounds alone', () => {
    const world = worldOf(2);
    world.create(deploymentObject('web', 1), autoscaler());
    expect(statusOf(world)).toMatchObject({ currentReplicas: 1, desiredReplicas: 2 });
    world.converge({ quietMs: 2_000 });
    expect(replicasOf(world)).toBe(2);
    expect(world.pods()).toHaveLength(2);
    expect(world.events('SuccessfulRescale')).toEqual(['New size: 2; reason: Current number of replicas below Spec.MinReplicas']);
    expect(scale(world, 4)).toBe(4);
    expect(scale(world, 3)).toBe(3);
    expect(scale(world, 1)).toBe(2);
    expect(scale(world, 9)).toBe(6);
    expect(world.events('SuccessfulRescale').at(-1)).toBe('New size: 6; reason: Current number of replicas above Spec.MaxReplicas');
    expect(statusOf(world)).toMatchObject({ observedGeneration: 1, currentReplicas: 6, desiredReplicas: 6 });
    expect(statusOf(world).lastScaleTime).toMatch(/^2026-01-01T/);
    expect(reasons(world)).toEqual(['AbleToScale True SucceededGetScale', 'ScalingActive False FailedGetResourceMetric']);
    expect(world.events('FailedGetResourceMetric')[0]).toMatch(/^failed to get cpu utilization: /);
    expect(world.events('FailedComputeMetricsReplicas')[0]).toMatch(
      /^invalid metrics \(1 invalid out of 1\), first error is: failed to get cpu resource metric value: failed to get cpu utilization: /,
    );
  });

  it('is off while its target is to have no pods', () => {
    const world = worldOf(1);
    world.create(deploymentObject('web', 0), autoscaler());
    world.converge({ quietMs: 2_000 });
    expect(replicasOf(world)).toBe(0);
    expect(reasons(world)).toContain('ScalingActive False ScalingDisabled');
  });

  it('says what it does not find', () => {
    const world = worldOf(1);
    world.create(autoscaler());
    world.converge({ quietMs: 2_000 });
    expect(world.events('FailedGetScale')[0]).toBe('deployments.apps "web" not found');
    expect(reasons(world)).toEqual(['AbleToScale False FailedGetScale']);
    world.edit(
      KEY,
      (draft) => (draft.spec = { ...(draft.spec as object), scaleTargetRef: { kind: 'Job', name: 'web', apiVersion: 'batch/v1' } }),
    );
    world.decide();
    expect(world.events('FailedGetScale').at(-1)).toContain('no matches for kind "Job" in group "batch"');
  });

  it.each([
    ['ReplicaSet', 'apps/v1', replicaSetObject('web', 1), 'replicasets.apps/default/web'],
    ['ReplicationController', 'v1', replicationControllerObject('web', 1), 'replicationcontrollers/default/web'],
  ] as const)('scales a %s', (kind, apiVersion, target, key) => {
    const world = worldOf(1);
    world.create(target, autoscaler({ scaleTargetRef: { kind, apiVersion, name: 'web' } }));
    world.converge({ quietMs: 2_000 });
    expect(replicasOf(world, key)).toBe(2);
    expect(world.pods()).toHaveLength(2);
  });

  it('is looked at when its target changes', () => {
    const world = worldOf(1);
    world.create(deploymentObject('web', 1), deploymentObject('other', 1), autoscaler());
    const touched = (key: ObjectKey) => world.state.applyDesired([{ key, before: undefined, after: world.object(key) }], 0);
    expect(touched(WEB).has(KEY)).toBe(true);
    expect(touched('deployments.apps/default/other').has(KEY)).toBe(false);
  });
});
