import { placePods } from '../../daemon/core/scheduler/place.ts';
import { planBindings } from '../../daemon/core/scheduler/bindings.ts';
import type { OwnerReference } from '../../protocol/objects.ts';
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

/**
 * How many pods a second the scheduler places, with what is already bound counted anew for each batch, as in the daemon.
 * @param monotonicMs a clock
 */
export function benchScheduler(nodes: number, pods: number, monotonicMs: () => number): SchedulerBench {
  const names = Array.from({ length: nodes }, (_, index) => `node-${index + 1}`);
  const world = new ClusterWorld(names);
  world.addNodes(names, { allocatable: { cpu: '32', memory: '128Gi', pods: '250' } });
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
      const spec = { containers: [container({ cpu: '100m', memory: '128Mi' })] };
      return podObject(name, spec, {
        metadata: { name, namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z', ownerReferences: [owner] },
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
