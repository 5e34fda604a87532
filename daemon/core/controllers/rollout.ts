import type { DeploymentView, Rollee } from './deployment-view.ts';
import { allSets } from './deployment-view.ts';

/** How many pods a ReplicaSet is to have from now on. */
export interface Scaling {
  rollee: Rollee;
  to: number;
}

/** How many pods the new ReplicaSet is to have: as many as the surge has room for. Source: NewRSNewReplicas upstream. */
export function newSetReplicas(state: DeploymentView): number {
  const { newSet, replicas, maxSurge } = state;
  const current = newSet?.replicas ?? 0;
  if (current >= replicas) return replicas;
  const total = allSets(state).reduce((sum, { held }) => sum + held, 0);
  const room = replicas + maxSurge - total;
  return room <= 0 ? current : Math.min(replicas, current + room);
}

/**
 * How the old ReplicaSets shrink without going below what must be available: first what does not serve anyway, then what the new one has made up for. Source:
 * reconcileOldReplicaSets upstream.
 */
export function planOldSets(state: DeploymentView): Scaling[] {
  const { oldSets, newSet, replicas, maxUnavailable } = state;
  const minAvailable = replicas - maxUnavailable;
  const total = allSets(state).reduce((sum, rollee) => sum + rollee.replicas, 0);
  const newUnavailable = newSet === undefined ? 0 : newSet.replicas - newSet.available;
  let mayGo = total - minAvailable - newUnavailable;
  if (mayGo <= 0) return [];
  const target = new Map(oldSets.map((old) => [old, old.replicas]));
  for (const old of oldSets) {
    const idle = Math.min(mayGo, old.replicas - old.available);
    target.set(old, old.replicas - idle);
    mayGo -= idle;
  }
  const available = allSets(state).reduce((sum, rollee) => sum + rollee.available, 0);
  let spare = Math.min(mayGo, available - minAvailable);
  for (const old of oldSets) {
    const current = target.get(old) ?? 0;
    const less = Math.max(0, Math.min(spare, current));
    target.set(old, current - less);
    spare -= less;
  }
  return changes(target);
}

/**
 * After a change of `spec.replicas` in the middle of a rollout every ReplicaSet keeps its share, so that a template that does not start can't take all that is
 * added. Leftovers go to the newest. Source: the idea of proportional scaling upstream.
 */
export function planProportional(state: DeploymentView): Scaling[] {
  const active = allSets(state).filter(({ replicas }) => replicas > 0);
  const total = active.reduce((sum, { replicas }) => sum + replicas, 0);
  if (total === 0) return [];
  const allowed = state.replicas === 0 ? 0 : state.replicas + state.maxSurge;
  const target = new Map<Rollee, number>();
  let given = 0;
  for (const rollee of active) {
    const share = Math.floor((rollee.replicas * allowed) / total);
    target.set(rollee, share);
    given += share;
  }
  const newest = active.at(-1);
  if (newest !== undefined) target.set(newest, (target.get(newest) ?? 0) + allowed - given);
  return changes(target);
}

function changes(target: ReadonlyMap<Rollee, number>): Scaling[] {
  return [...target].filter(([rollee, to]) => to !== rollee.replicas).map(([rollee, to]) => ({ rollee, to }));
}
