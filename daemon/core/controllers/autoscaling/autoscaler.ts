import type { DesiredObject, ObjectKey, StoredObject } from '../../../../protocol/objects.ts';
import { formatTime } from '../../../../protocol/values/time.ts';
import { isDeleting } from '../../cluster/pods.ts';
import type { ClusterIndex } from '../../cluster/view.ts';
import type { Decision, EventDraft, Now } from '../../decisions.ts';
import { freshPace, noteChange, paced, type PaceMemory, type ScalingMemory } from './pace.ts';
import { recommend, type Recommendation } from './recommendation.ts';
import { autoscalerSpec, findTarget, LAST_SCALE_FACT, type ScaleTarget } from './target.ts';

/** Upstream's default of --horizontal-pod-autoscaler-sync-period: windows end though nothing changes. */
const SYNC_MS = 15_000;
/** Autoscalers whose pace is remembered. */
const MOST_AUTOSCALERS = 10_000;
const COMPONENT = 'horizontal-pod-autoscaler';

/**
 * The controller of a HorizontalPodAutoscaler. Its decision is `spec.replicas` of the target and nothing beside it, so that two leaders at once, or one after the
 * other, go on from the same number.
 */
export function planAutoscaler(view: ClusterIndex, key: ObjectKey, now: Now, memory: ScalingMemory = new Map()): Decision[] {
  const autoscaler = view.get(key);
  if (autoscaler === undefined || isDeleting(autoscaler)) return [];
  const target = findTarget(view, autoscaler);
  if ('problem' in target) return [tell(autoscaler, 'Warning', 'FailedGetScale', target.problem)];
  if (isDeleting(target.desired)) return [];
  const wanted = recommend(view, autoscaler, target, now.wall);
  const again: Decision = { do: 'wake', key, at: now.monotonic + SYNC_MS };
  switch (wanted.kind) {
    case 'disabled':
      return [];
    case 'unknown':
      return [tell(autoscaler, 'Warning', wanted.condition, wanted.problem), ...failedWhole(autoscaler, wanted), again];
    case 'load':
      return [...planByLoad(autoscaler, target, wanted, now, memory), again];
    case 'bound':
      return rescale(autoscaler, target, wanted.replicas, wanted.reason, now);
  }
}

/** Where no metric can be had. */
function failedWhole(autoscaler: DesiredObject, { value, problem, findings }: Extract<Recommendation, { kind: 'unknown' }>): Decision[] {
  if (findings.some((finding) => finding !== undefined)) return [];
  const message = `invalid metrics (${findings.length} invalid out of ${findings.length}), first error is: failed to get ${value}: ${problem}`;
  return [tell(autoscaler, 'Warning', 'FailedComputeMetricsReplicas', message)];
}

function planByLoad(
  autoscaler: DesiredObject,
  target: ScaleTarget,
  wanted: { replicas: number; metric: string },
  now: Now,
  memory: ScalingMemory,
): Decision[] {
  const pace = memory.get(autoscaler.uid) ?? freshPace(target.replicas, now.monotonic);
  remember(memory, autoscaler.uid, pace);
  const replicas = paced(autoscalerSpec(autoscaler), target.replicas, wanted.replicas, pace, now.monotonic);
  if (replicas === target.replicas) return [];
  noteChange(pace, replicas - target.replicas, now.monotonic);
  const reason = replicas > target.replicas ? `${wanted.metric} above target` : 'All metrics below target';
  return rescale(autoscaler, target, replicas, reason, now);
}

/** The one that was not looked at for the longest is forgotten first. */
function remember(memory: ScalingMemory, uid: string, pace: PaceMemory): void {
  memory.delete(uid);
  memory.set(uid, pace);
  const [oldest] = memory.keys();
  if (memory.size > MOST_AUTOSCALERS && oldest !== undefined) memory.delete(oldest);
}

function rescale(autoscaler: DesiredObject, { desired, replicas }: ScaleTarget, to: number, reason: string, now: Now): Decision[] {
  const { object } = autoscaler;
  const resized: StoredObject = { ...desired.object, spec: { ...(desired.object.spec as object), replicas: to } };
  const facts = { ...object.kith?.facts, [LAST_SCALE_FACT]: formatTime(now.wall) };
  const noted: StoredObject = { ...object, kith: { ...object.kith, facts } };
  return [
    {
      do: 'write',
      mutations: [
        { type: 'update', key: desired.key, uid: desired.uid, base: desired.object, next: resized },
        { type: 'update', key: autoscaler.key, uid: autoscaler.uid, base: object, next: noted },
      ],
      reason: `${replicas} to ${to} pods: ${reason}`,
    },
    tell(autoscaler, 'Normal', 'SuccessfulRescale', `New size: ${to}; reason: ${reason}`),
  ];
}

function tell(autoscaler: DesiredObject, type: EventDraft['type'], reason: string, message: string): Decision {
  return { do: 'event', event: { about: autoscaler.object, type, reason, message, component: COMPONENT } };
}
