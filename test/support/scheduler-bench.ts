import { placePods } from '../../daemon/core/scheduler/place.ts';
import { planBindings } from '../../daemon/core/scheduler/bindings.ts';
import type { OwnerReference } from '../../protocol/objects.ts';
import type { PodSpec } from '../../protocol/types.ts';
import { ClusterWorld, container, podObject } from './cluster-view.ts';

export interface SchedulerBench {
  nodes: number;
  pods: number;
  placementsPerSecond: number;
}

/** Workloads that the pods are divided among. */
const OWNERS = 50;
/** Pods placed in one batch, as the daemon's loop takes them. */
const BATCH_PODS = 500;

/** Racks that nodes stand in, where pods have rules. */
const RACKS = 20;

/** Evenly over racks, never two of a workload on a node, and near to none of the next workload. */
function rulesOf(owner: number): Partial<PodSpec> {
  const labelSelector = { matchLabels: { app: `app-${owner}` } };
  const next = { matchLabels: { app: `app-${(owner + 1) % OWNERS}` } };
  const term = { labelSelector, topologyKey: 'kubernetes.io/hostname' };
  const preferred = [{ weight: 10, podAffinityTerm: { labelSelector: next, topologyKey: 'kubernetes.io/hostname' } }];
  return {
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule', labelSelector }],
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [term],
        preferredDuringSchedulingIgnoredDuringExecution: preferred,
      },
    },
  };
}

/**
 * How many pods a second the scheduler places, with what is already bound counted anew for each batch, as in the daemon.
 * @param monotonicMs a clock
 */
export function benchScheduler(nodes: number, pods: number, monotonicMs: () => number, withRules = false): SchedulerBench {
  const names = Array.from({ length: nodes }, (_, index) => `node-${index + 1}`);
  const world = new ClusterWorld(names);
  for (let rack = 0; rack < RACKS; rack += 1) {
    const inRack = names.filter((_, index) => index % RACKS === rack);
    world.addNodes(inRack, { allocatable: { cpu: '32', memory: '128Gi', pods: '250' }, labels: { rack: `${rack}` } });
  }
  const waiting = world.create(
    ...Array.from({ length: pods }, (_, index) => {
      const owner: OwnerReference = {
        apiVersion: 'batch/v1',
        kind: 'Job',
        name: `job-${index % OWNERS}`,
        uid: `owner-${index % OWNERS}`,
        controller: true,
      };
      const name = `pod-${index}`;
      const rules = withRules ? rulesOf(index % OWNERS) : {};
      const spec = { containers: [container({ cpu: '100m', memory: '128Mi' })], ...rules };
      const labels = { app: `app-${index % OWNERS}` };
      return podObject(name, spec, {
        metadata: { name, namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z', labels, ownerReferences: [owner] },
      });
    }),
  );
  placePods(world.state, waiting.slice(0, BATCH_PODS));
  let elapsedMs = 0;
  for (let from = 0; from < waiting.length; from += BATCH_PODS) {
    const batch = waiting.slice(from, from + BATCH_PODS);
    const start = monotonicMs();
    const decisions = planBindings(world.state, batch, world.now);
    elapsedMs += monotonicMs() - start;
    world.write(decisions.flatMap((decision) => (decision.do === 'write' ? decision.mutations : [])));
  }
  return { nodes, pods, placementsPerSecond: Math.round((pods * 1000) / elapsedMs) };
}
