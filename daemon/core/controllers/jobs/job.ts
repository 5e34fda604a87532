import type { Json } from '../../../../protocol/json.ts';
import type { DesiredObject, ObjectKey, SlotState } from '../../../../protocol/objects.ts';
import { parseObjectKey } from '../../../../protocol/objects.ts';
import type { JobSpec } from '../../../../protocol/types.ts';
import { formatTime } from '../../../../protocol/values/time.ts';
import { boundNode, controllerObject, isDeleting, nodeStanding } from '../../cluster/pods.ts';
import type { ClusterIndex } from '../../cluster/view.ts';
import type { Decision, Now } from '../../decisions.ts';
import { deleteMutations } from '../deletion-world.ts';
import { BURST, decisionsOf, end, eventOf, openPass, type Pass, settleSuperseded } from '../slot-pass.ts';
import { createSlotPod } from '../slot-pod.ts';
import { bumpedSlot, restoredSlot, type Slot, slotPodKey, withSlots } from '../slots.ts';
import { type FailureVerdict, judgeDeletion, judgeFailure } from './failure-policy.ts';
import { JOB_FACT, type JobFact } from './facts.ts';
import { backOffUntil, expiresAt, failed, type JobEnd, judgeJob } from './job-end.ts';
import { selectedSpec } from './job-pod.ts';
import { endOf, isRunningPod, type JobIndex, type JobView, startedAt, viewJob } from './job-view.ts';

/** Who runs a Job unless it says that somebody else does. Upstream's name. */
const MANAGER = 'kubernetes.io/job-controller';

interface JobPass extends Pass {
  job: JobView;
  /** Of every index, as this pass leaves it. */
  states: Map<number, SlotState>;
  verdict: JobEnd | undefined;
}

/**
 * The controller of a Job. Each completion is a slot, numbered whether the Job is indexed or not: what ended is written down there and wins every merge, so that
 * no leader and no heir runs it again. Orphans of dead nodes are left to heirs; they are no failures.
 */
export function planJob(view: ClusterIndex, key: ObjectKey, now: Now): Decision[] {
  const owner = view.get(key);
  if (owner === undefined || isDeleting(owner)) return [];
  const { managedBy } = owner.object.spec as JobSpec;
  if (managedBy !== undefined && managedBy !== MANAGER) return [];
  const job = viewJob(view, owner);
  const states = new Map(job.indexes.map(({ slot, state }) => [slot, state]));
  const pass: JobPass = { ...openPass(view, owner, now), job, states, verdict: undefined, spec: selectedSpec(owner) };
  if (job.fact.end !== undefined) planEnded(pass);
  else planOpen(pass);
  const changed = job.indexes.length !== states.size || job.indexes.some(({ slot, state }) => states.get(slot) !== state);
  if (changed)
    pass.kith = withSlots(
      pass.kith,
      [...states].map(([slot, state]) => ({ slot, state })),
    );
  return decisionsOf(pass);
}

function planOpen(pass: JobPass): void {
  const { job, now } = pass;
  for (const index of job.indexes) {
    if (index.state.done === undefined) settleIndex(pass, index);
    else endAll(pass, index);
  }
  pass.verdict ??= judgeJob(pass.view, job, pass.states, now.wall);
  if (pass.verdict !== undefined) {
    finish(pass, pass.verdict);
    return;
  }
  planSuspension(pass);
  const running = job.indexes.filter(({ slot, current }) => isOpen(pass, slot) && isRunningPod(pass.view, current) && isAsIs(pass, slot));
  const wanted = wantedPods(pass) ?? running.length;
  // Those of the highest index go first, as what was begun last.
  for (const index of running.slice(wanted)) if (!isFull(pass)) park(pass, index, 'fewer pods are asked for');
  if (wanted > running.length) openIndexes(pass, Math.min(BURST, wanted - running.length), new Set(running.map(({ slot }) => slot)));
  const { activeDeadlineSeconds } = job.spec;
  if (activeDeadlineSeconds !== undefined && job.spec.suspend !== true) wakeAt(pass, startedAt(job) + activeDeadlineSeconds * 1000);
}

/** More than one write takes would never be written: the rest follows at the next look, which this write brings about. */
function isFull({ mutations }: JobPass): boolean {
  return mutations.length >= BURST;
}

function endAll(pass: JobPass, { pods }: JobIndex): void {
  for (const pod of pods) if (isRunningPod(pass.view, pod) && !isFull(pass)) end(pass, pod);
}

function isOpen({ states }: JobPass, slot: number): boolean {
  return states.get(slot)?.done === undefined;
}

function isAsIs({ states, owner }: JobPass, slot: number): boolean {
  return states.get(slot) === owner.object.kith?.slots?.[String(slot)];
}

/** What became of the pods of an index. */
function settleIndex(pass: JobPass, index: JobIndex): void {
  const { view, job } = pass;
  const { slot, state, pods, current } = index;
  const success = pods.find((pod) => endOf(view, pod)?.phase === 'Succeeded');
  if (success !== undefined) {
    const generation = success.object.kith?.slot?.generation ?? state.generation;
    pass.states.set(slot, { ...restoredSlot(state, generation), done: 'Succeeded' });
    pass.reasons.push(`index ${slot} succeeded`);
    for (const pod of pods) if (pod !== success && isRunningPod(view, pod)) end(pass, pod);
    return;
  }
  for (const pod of pods) {
    const isOther = pod !== current && !isDeleting(pod) && endOf(view, pod) === undefined;
    // It may have completed there, unseen: then it is what people are shown of its index, with its log.
    if (isOther && mayReturn(view, pod)) continue;
    if (isOther && (pod.object.kith?.slot?.generation ?? 0) <= state.epoch) settleSuperseded(pass, pod, slot, current);
  }
  const restored = pass.kith?.slots?.[String(slot)];
  if (restored !== undefined && restored !== state) pass.states.set(slot, restored);
  else if (current === undefined) {
    const verdict: FailureVerdict = { action: state.excused === state.generation ? 'Ignore' : 'Count' };
    if (view.buriedLife(slotPodKey(pass.owner, slot, state.generation)) > 0) countFailure(pass, index, verdict, 'its pod was deleted');
  } else if (isDeleting(current)) {
    const verdict = judgeDeletion(job.spec.podFailurePolicy, current);
    // Once it is gone nobody can tell why it went.
    if (job.spec.podReplacementPolicy !== 'Failed' || verdict.action === 'FailJob' || verdict.action === 'FailIndex')
      countFailure(pass, index, verdict, 'its pod is being deleted');
    else if (verdict.action === 'Ignore' && state.excused !== state.generation)
      pass.states.set(slot, { ...state, excused: state.generation });
  } else {
    const how = endOf(view, current);
    if (how !== undefined) countFailure(pass, index, judgeFailure(job.spec.podFailurePolicy, current, how), 'its pod failed');
  }
}

/** Its node is dead, and no order to stop anything would come any sooner for being given now. */
function mayReturn(view: ClusterIndex, pod: DesiredObject): boolean {
  return nodeStanding(view, boundNode(pod) ?? '') === 'dead';
}

function countFailure(pass: JobPass, { slot, state }: JobIndex, verdict: FailureVerdict, why: string): void {
  const failures = (state.failures ?? 0) + (verdict.action === 'Ignore' ? 0 : 1);
  const { backoffLimitPerIndex } = pass.job.spec;
  const forGood = verdict.action === 'FailIndex' || (backoffLimitPerIndex !== undefined && failures > backoffLimitPerIndex);
  const next: SlotState = forGood ? { ...restoredSlot(state, state.generation), done: 'Failed' } : bumpedSlot(state);
  pass.states.set(slot, failures === 0 ? next : { ...next, failures });
  pass.reasons.push(`index ${slot}: ${why}`);
  if (verdict.action === 'FailJob') pass.verdict ??= failed('PodFailurePolicy', verdict.message);
}

/** Takes the pod of an index away, without its being a failure: the next generation waits until it may run. */
function park(pass: JobPass, { slot, state, current }: JobIndex, reason: string, failure = false): void {
  if (current === undefined) return;
  const next = bumpedSlot(state);
  pass.states.set(slot, failure ? { ...next, failures: (state.failures ?? 0) + 1 } : next);
  pass.reasons.push(`index ${slot}: ${reason}`);
  if (!isFull(pass)) end(pass, current);
}

/** How many pods are to run now; undefined: as many as there are. */
function wantedPods({ job, states }: JobPass): number | undefined {
  const { parallelism = 1, completions, suspend } = job.spec;
  if (suspend === true) return 0;
  const ended = [...states.values()].filter(({ done }) => done !== undefined);
  if (completions !== undefined) return Math.max(0, Math.min(parallelism, completions - ended.length));
  // A work queue: once one says that there is no more to do, the others end by themselves.
  return ended.some(({ done }) => done === 'Succeeded') ? undefined : parallelism;
}

/** Gives pods to indexes that wait, then to new ones. */
function openIndexes(pass: JobPass, more: number, running: ReadonlySet<number>): void {
  const { job, view, now, states } = pass;
  const { completions = Number.POSITIVE_INFINITY, backoffLimitPerIndex } = job.spec;
  const perIndex = backoffLimitPerIndex !== undefined;
  const jointUntil = perIndex ? 0 : backOffUntil(view, job);
  if (jointUntil > now.wall) {
    wakeAt(pass, jointUntil);
    return;
  }
  const opened: Slot[] = [];
  for (let slot = 0; slot < completions && opened.length < more && slot <= states.size + more; slot += 1) {
    const state = states.get(slot) ?? { epoch: 1, generation: 1 };
    if (state.done !== undefined || running.has(slot)) continue;
    const until = perIndex ? backOffUntil(view, job, slot) : 0;
    if (until > now.wall) {
      wakeAt(pass, until);
      continue;
    }
    states.set(slot, state);
    opened.push({ slot, state });
  }
  const owner: DesiredObject = pass.spec === undefined ? pass.owner : { ...pass.owner, object: { ...pass.owner.object, spec: pass.spec } };
  for (const slot of opened) {
    const creation = createSlotPod(owner, slot, now.wall);
    const known = view.get(creation.key);
    // It goes still, or is a stranger's: the next name is free.
    if (known !== undefined) {
      if (known.object.kith?.slot?.owner !== owner.uid) states.set(slot.slot, bumpedSlot(slot.state));
      continue;
    }
    pass.mutations.push(creation);
    pass.events.push(eventOf(owner, 'SuccessfulCreate', `Created pod: ${parseObjectKey(creation.key).name}`));
  }
}

function planSuspension(pass: JobPass): void {
  const { job, now, view } = pass;
  const isSuspended = job.fact.suspendedAt !== undefined;
  if ((job.spec.suspend === true) === isSuspended) return;
  const { suspendedAt: _was, ...fact } = job.fact;
  const at = formatTime(now.wall);
  if (isSuspended) {
    remember(pass, { ...fact, resumedAt: at });
    pass.events.push(eventOf(pass.owner, 'Resumed', 'Job resumed'));
    return;
  }
  remember(pass, { ...fact, suspendedAt: at });
  pass.events.push(eventOf(pass.owner, 'Suspended', 'Job suspended'));
  for (const index of job.indexes)
    if (isRunningPod(view, index.current) && isAsIs(pass, index.slot) && !isFull(pass)) park(pass, index, 'the Job is suspended');
}

function remember(pass: JobPass, fact: JobFact): void {
  pass.kith = { ...pass.kith, facts: { ...pass.kith?.facts, [JOB_FACT]: fact as Json } };
}

function finish(pass: JobPass, verdict: JobEnd): void {
  const { job, now, view } = pass;
  remember(pass, { ...job.fact, ...verdict, endedAt: formatTime(now.wall) });
  const isFailed = verdict.end === 'Failed';
  for (const index of job.indexes)
    if (isRunningPod(view, index.current) && isAsIs(pass, index.slot)) park(pass, index, 'the Job is over', isFailed);
  pass.reasons.push(verdict.message);
  const event = isFailed ? eventOf(pass.owner, verdict.reason, verdict.message) : eventOf(pass.owner, 'Completed', 'Job completed');
  pass.events.push({ ...event, type: isFailed ? 'Warning' : 'Normal' });
  tellCronJob(pass, verdict);
}

/** As the controller of the CronJob that the Job is a run of. */
function tellCronJob({ view, owner, events }: JobPass, { end: how }: JobEnd): void {
  const cronJob = controllerObject(view, owner);
  if (cronJob?.object.kind !== 'CronJob') return;
  const message = `Saw completed job: ${owner.object.metadata.name}, condition: ${how}`;
  events.push(eventOf(cronJob, 'SawCompletedJob', message, 'cronjob-controller'));
}

/** What another side of a cut still runs goes; after its time the Job itself does. */
function planEnded(pass: JobPass): void {
  const { job, view, now, owner } = pass;
  for (const index of job.indexes) endAll(pass, index);
  const at = expiresAt(job);
  if (at === undefined) return;
  if (now.wall < at) wakeAt(pass, at);
  else {
    pass.reasons.push('ttlSecondsAfterFinished is over');
    pass.mutations.push(...deleteMutations(view, owner, now.wall));
    pass.spec = undefined;
  }
}

/** @param wallMs milliseconds since 1970 */
function wakeAt(pass: JobPass, wallMs: number): void {
  const { now, owner } = pass;
  if (wallMs > now.wall) pass.wakes.push({ do: 'wake', key: owner.key, at: now.monotonic + wallMs - now.wall });
}
