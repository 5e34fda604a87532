import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject, KithFields } from '../../../protocol/objects.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { Decision, EventDraft, Now } from '../decisions.ts';
import { judgeEarlier, judgeOriginal } from '../heirs/heal.ts';
import { deleteMutations } from './deletion-world.ts';
import { restoredSlot, withSlots } from './slots.ts';

/** Pods made or ended in one pass; the rest follow in the next. Source: upstream's BurstReplicas. */
export const BURST = 500;

/** What one pass over an owner of slots changes, gathered so that it is one write. */
export interface Pass {
  view: ClusterIndex;
  owner: DesiredObject;
  now: Now;
  kith: KithFields | undefined;
  /** Undefined: as it is. */
  spec?: unknown;
  mutations: Mutation[];
  reasons: string[];
  events: EventDraft[];
  wakes: Decision[];
}

export function openPass(view: ClusterIndex, owner: DesiredObject, now: Now): Pass {
  return { view, owner, now, kith: owner.object.kith, mutations: [], reasons: [], events: [], wakes: [] };
}

/** A pod whose slot another generation fills: it goes once that one serves, or as the heal says where it was claimed. */
export function settleSuperseded(pass: Pass, pod: DesiredObject, number: number, kept: DesiredObject | undefined): void {
  const { view, owner, now } = pass;
  const state = owner.object.kith?.slots?.[String(number)];
  const { name } = pod.object.metadata;
  const generation = pod.object.kith?.slot?.generation;
  if (state === undefined || generation === undefined) return;
  const { claim } = state;
  const judged =
    claim?.from === generation ? judgeOriginal(view, pod, kept, claim, now.monotonic) : judgeEarlier(view, pod, kept, claim, now.monotonic);
  // Another one has gone back into it at this look.
  if (judged.verdict === 'restore' && pass.kith?.slots?.[String(number)] !== state) return;
  if (judged.verdict === 'bury') end(pass, pod);
  else if (judged.verdict === 'restore') {
    pass.kith = withSlots(pass.kith, [{ slot: number, state: restoredSlot(state, generation) }]);
    pass.events.push(eventOf(pod, 'Kept', `${judged.reason}: it is kept, and its replacement ends`, 'kith'));
  } else if (judged.lookAgainAt !== undefined) pass.wakes.push({ do: 'wake', key: owner.key, at: judged.lookAgainAt });
  if (judged.compareWith !== undefined) pass.wakes.push({ do: 'compare', ...judged.compareWith });
  if (judged.verdict !== 'wait') pass.reasons.push(`${name}: ${judged.reason}`);
}

/** Deletes a pod of the owner, and tells of it. */
export function end(pass: Pass, pod: DesiredObject): void {
  const mutations = deleteMutations(pass.view, pod, pass.now.wall);
  if (mutations.length === 0) return;
  pass.mutations.push(...mutations);
  pass.events.push(eventOf(pass.owner, 'SuccessfulDelete', `Deleted pod: ${pod.object.metadata.name}`));
}

export function decisionsOf(pass: Pass): Decision[] {
  const { owner } = pass;
  const changed = pass.kith !== owner.object.kith || pass.spec !== undefined;
  const next = { ...owner.object, ...(pass.spec === undefined ? {} : { spec: pass.spec }), kith: pass.kith };
  const update: Mutation = { type: 'update', key: owner.key, uid: owner.uid, base: owner.object, next };
  const mutations = changed ? [update, ...pass.mutations] : pass.mutations;
  if (mutations.length === 0) return pass.wakes;
  const events = pass.events.map((event): Decision => ({ do: 'event', event }));
  const reason = pass.reasons.length === 0 ? 'its pods are to be there' : pass.reasons.join('; ');
  return [{ do: 'write', mutations, reason }, ...events, ...pass.wakes];
}

export function eventOf(about: DesiredObject, reason: string, message: string, component?: string): EventDraft {
  return { about: about.object, type: 'Normal', reason, message, component: component ?? COMPONENTS[about.object.kind] ?? 'kith' };
}

const COMPONENTS: Readonly<Record<string, string>> = {
  ReplicaSet: 'replicaset-controller',
  ReplicationController: 'replication-controller',
  Job: 'job-controller',
};
