import { objectKey } from '../../../protocol/objects.ts';
import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { lifeOfUid } from '../../../protocol/identity.ts';
import type { Pod } from '../../../protocol/types.ts';
import type { RuntimePod } from '../../ports/runtime.ts';
import { saysUnready } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import { exclusiveOf } from '../leases/resource.ts';
import type { Intent } from './actions.ts';
import { isReadyOn } from './readiness.ts';
import { slotStanding } from './slots.ts';

/** Kubernetes' default for `terminationGracePeriodSeconds`. */
export const DEFAULT_GRACE_SECONDS = 30;

/** A pod that concerns this node: bound to it, or running on it, or both. */
export interface PodCase {
  readonly uid: string;
  readonly key: ObjectKey;
  readonly desired?: DesiredObject;
  readonly listed?: RuntimePod;
  readonly intent: Intent;
}

/** Kubernetes' words for a pod that a node will not take. */
export interface Rejection {
  reason: string;
  message: string;
}

/**
 * Which of the pods bound to this node do not fit it, in binding order; what was taken (`running`, by uid) stays. The scheduler's arithmetic, handed in.
 */
export type AdmitPods = (view: ClusterView, pods: readonly DesiredObject[], running: ReadonlySet<string>) => ReadonlyMap<string, Rejection>;

/**
 * What is wanted of every pod that concerns this node. Orders come from merged state only: nothing is stopped because something is absent, and nothing at all
 * while the view is not complete. A host that was removed stops all: others run its pods now. What was begun here once is not turned away, neither while it restarts nor while
 * it starts, for what came after it.
 * @param before what this said last, by uid: a list is from a moment ago
 */
export function judgePods(
  view: ClusterView,
  listed: readonly RuntimePod[],
  admit: AdmitPods,
  before: ReadonlyMap<string, PodCase> = new Map(),
): PodCase[] {
  if (view.removed) return listed.map((pod) => judgeOfRemovedHost(view, pod));
  const running = new Map(listed.map((pod) => [pod.uid, pod]));
  const bound = view.podsOnNode(view.self.node);
  const taken = new Set(running.keys());
  for (const [uid, { intent }] of before) if (intent.want === 'run') taken.add(uid);
  const rejected = admit(view, bound.filter(takesRoom), taken);
  const cases = bound.map((desired): PodCase => {
    const pod = running.get(desired.uid);
    running.delete(desired.uid);
    const intent = judgeBound(view, desired, pod, taken.has(desired.uid) ? undefined : rejected.get(desired.uid));
    return { uid: desired.uid, key: desired.key, desired, listed: pod, intent };
  });
  for (const pod of running.values()) cases.push(judgeUnbound(view, pod));
  return cases;
}

export function isRunning(pod: RuntimePod): boolean {
  return pod.containers.some((container) => container.state === 'running');
}

function takesRoom(desired: DesiredObject): boolean {
  return desired.object.kith?.outcome === undefined;
}

function judgeBound(view: ClusterView, desired: DesiredObject, listed: RuntimePod | undefined, rejected: Rejection | undefined): Intent {
  const pod = desired.object as Pod;
  const ownGrace = pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  if (deletionTimestamp !== undefined) {
    if (!view.complete) return { want: 'leave', why: 'it is being deleted, but this peer does not hold the whole desired state yet' };
    return {
      want: 'gone',
      graceSeconds: deletionGracePeriodSeconds ?? ownGrace,
      bury: true,
      why: `it was deleted at ${deletionTimestamp}`,
    };
  }
  if (pod.kith?.outcome !== undefined) {
    if (!view.complete) return { want: 'leave', why: 'it has ended, but this peer does not hold the whole desired state yet' };
    return { want: 'finished', why: `it has ended: ${pod.kith.outcome.phase}` };
  }
  const standing = slotStanding(view, desired);
  if (standing.is === 'surplus' || standing.is === 'superseded') {
    if (!view.complete) return standInStill(listed, standing.why);
    if (standing.stop) return { want: 'gone', graceSeconds: ownGrace, bury: true, why: standing.why };
    // What fills its slot now may be taken from there, too: a Job's work that is done once is done.
    const intent = standInStill(listed, standing.why);
    return intent.want === 'leave' ? { ...intent, tellsSuccess: true } : intent;
  }
  if (rejected !== undefined) {
    if (!view.complete) return { want: 'leave', why: `it does not fit (${rejected.reason}), by what this peer knows so far` };
    return { want: 'reject', ...rejected, why: 'it does not fit this node' };
  }
  return { want: 'run', why: `it is bound to ${view.self.node}` };
}

/** A copy that is not the kept one: it goes on if it runs already, but is not started anew. */
function standInStill(listed: RuntimePod | undefined, why: string): Intent {
  return listed !== undefined && isRunning(listed) ? { want: 'run', why } : { want: 'leave', why };
}

function judgeOfRemovedHost(view: ClusterView, listed: RuntimePod): PodCase {
  const key = objectKey('pods', listed.namespace, listed.name);
  const desired = view.get(key);
  const own = desired?.uid === listed.uid ? desired : undefined;
  const graceSeconds = (own?.object as Pod | undefined)?.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  const intent: Intent = { want: 'gone', graceSeconds, bury: false, why: 'this host was removed from the cluster' };
  return { uid: listed.uid, key, listed, intent, ...(own === undefined ? {} : { desired: own }) };
}

/** A pod of ours that runs and is not bound to this node. */
function judgeUnbound(view: ClusterView, listed: RuntimePod): PodCase {
  const key = objectKey('pods', listed.namespace, listed.name);
  const about = { uid: listed.uid, key, listed };
  if (!view.complete) return { ...about, intent: { want: 'leave', why: 'this peer does not hold the whole desired state yet' } };
  if (view.buriedLife(key) >= (lifeOfUid(listed.uid) ?? Infinity)) {
    return { ...about, intent: { want: 'gone', graceSeconds: DEFAULT_GRACE_SECONDS, bury: false, why: 'it was deleted' } };
  }
  const desired = view.get(key);
  if (desired?.uid !== listed.uid) return { ...about, intent: { want: 'leave', why: 'no living object and no grave is known of it' } };
  return { ...about, desired, intent: judgeElsewhere(view, desired) };
}

/**
 * Of what runs here, what desired state has neither alive nor buried: whoever ordered it told nobody else, and its disk has lost it since. It is left alone for ever,
 * so somebody must be told. None while this peer does not hold the whole desired state.
 */
export function unknownPods(view: ClusterView, listed: readonly RuntimePod[]): RuntimePod[] {
  if (!view.complete) return [];
  return listed.filter((pod) => {
    const key = objectKey('pods', pod.namespace, pod.name);
    return isRunning(pod) && view.get(key)?.uid !== pod.uid && view.buriedLife(key) < (lifeOfUid(pod.uid) ?? 0);
  });
}

/** The binding of a pod that runs here went to another node (two sides bound it while they were cut off). */
function judgeElsewhere(view: ClusterView, desired: DesiredObject): Intent {
  const pod = desired.object as Pod;
  const node = pod.kith?.binding?.node;
  const graceSeconds = pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  if (pod.metadata.deletionTimestamp !== undefined || pod.kith?.outcome !== undefined) {
    return { want: 'gone', graceSeconds, bury: false, why: 'it has ended' };
  }
  if (node === undefined) return { want: 'leave', why: 'it is bound to no node' };
  if (isReadyOn(view, desired.uid, node)) return { want: 'gone', graceSeconds, bury: false, why: `it is bound to ${node} and ready there` };
  // There it would wait for the lease that it has here, and here for it to be ready there, for ever.
  if (exclusiveOf(view, desired).is === 'one' && serves(view, node))
    return {
      want: 'gone',
      graceSeconds,
      bury: false,
      why: `it is bound to ${node}, may run at most once, and starts there once it has ended here`,
    };
  return { want: 'leave', why: `it is bound to ${node}, where it is not ready yet` };
}

function serves(view: ClusterView, node: string): boolean {
  return view.memberOfNode(node)?.state === 'alive' && !saysUnready(view.nodeReport(node));
}
