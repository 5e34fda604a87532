import type { Mutation } from '../../../../protocol/desired.ts';
import type { DesiredObject, ObjectKey, StoredObject } from '../../../../protocol/objects.ts';
import { parseObjectKey } from '../../../../protocol/objects.ts';
import { isDeleting, isTerminal } from '../../cluster/pods.ts';
import type { ClusterIndex } from '../../cluster/view.ts';
import type { Decision, EventDraft, Now } from '../../decisions.ts';
import { PARTITION_ANNOTATION } from '../../../../protocol/policies.ts';
import { isMajority } from '../../heirs/policy.ts';
import { deleteMutations, isBoundToLostNode } from '../deletion-world.ts';
import { planRevisions, templateOfRevision } from '../revisions.ts';
import { BURST } from '../slot-pass.ts';
import { claimsOf, createStatefulPod } from './stateful-pod.ts';
import { CURRENT_REVISION_FACT, type Ordinal, type StatefulView, viewStatefulSet } from './stateful-view.ts';

interface StatefulPass {
  view: ClusterIndex;
  state: StatefulView;
  now: Now;
  mutations: Mutation[];
  events: EventDraft[];
}

/**
 * The controller of a StatefulSet: pods with fixed names, one after the other. A pod of a dead node is not replaced here: heirs take one that stores nothing
 * (core/heirs/orphans.ts), and the storage of the others is on that node. Nor does a leader that sees half of the members or fewer start one, unless the set says that it may run on every side of a cut.
 */
export function planStatefulSet(view: ClusterIndex, key: ObjectKey, now: Now): Decision[] {
  const owner = view.get(key);
  if (owner === undefined || isDeleting(owner)) return [];
  const state = viewStatefulSet(view, owner, now.wall);
  const pass: StatefulPass = { view, state, now, mutations: [], events: [] };
  if (planNumbers(pass)) planUpdate(pass);
  planCurrentRevision(pass);
  const inUse = new Set([...state.wanted, ...state.condemned].flatMap(({ revision }) => revision ?? []));
  pass.mutations.push(...planRevisions(view, owner, new Set([...inUse, state.currentRevision]), now));
  const events = pass.events.map((event): Decision => ({ do: 'event', event }));
  if (pass.mutations.length === 0) return events;
  return [{ do: 'write', mutations: pass.mutations, reason: 'its numbered pods are to be there' }, ...events];
}

/** Makes what is missing and takes away what is too much. Answers whether all are as they are to be, but for their template. */
function planNumbers(pass: StatefulPass): boolean {
  const { state, view } = pass;
  const isParallel = state.spec.podManagementPolicy === 'Parallel';
  let settled = true;
  for (const number of state.wanted.slice(0, BURST)) {
    const { pod } = number;
    if (pod === undefined) create(pass, number);
    else if (!isDeleting(pod) && isTerminal(view, pod)) {
      const { name, namespace } = state.owner.object.metadata;
      const message = `StatefulSet ${namespace}/${name} is recreating failed Pod ${pod.object.metadata.name}`;
      pass.events.push(eventOf(state.owner, 'RecreatingFailedPod', message, 'Warning'));
      end(pass, number);
    }
    if (number.healthy) continue;
    settled = false;
    if (!isParallel) return false;
  }
  for (const number of state.condemned.slice(0, BURST)) {
    settled = false;
    if (number.pod !== undefined && !isDeleting(number.pod)) end(pass, number);
    if (!isParallel) return false;
  }
  return settled || isParallel;
}

/** Whether pods may be started: where half of the members or more are out of sight, they may run there. */
function mayStart({ view, state }: StatefulPass): boolean {
  if (state.owner.object.metadata.annotations?.[PARTITION_ANNOTATION] === 'any') return true;
  return isMajority(view.membersSeen, view.membersKnown);
}

function create(pass: StatefulPass, { ordinal, key }: Ordinal): void {
  const { view, state, now } = pass;
  const { owner, partition, currentRevision, updateRevision } = state;
  const { name } = owner.object.metadata;
  // A stranger bears the name.
  if (view.get(key) !== undefined) return;
  if (!mayStart(pass)) {
    // The others wait for the same.
    if (pass.events.some(({ reason }) => reason === 'WaitingForMajority')) return;
    const message = `${parseObjectKey(key).name} is not started: ${view.membersSeen} of ${view.membersKnown} members are seen, and it may run among the others`;
    pass.events.push({ ...eventOf(owner, 'WaitingForMajority', message, 'Warning'), component: 'kith' });
    return;
  }
  const old = ordinal < partition && currentRevision !== updateRevision ? templateOfRevision(view, owner, currentRevision) : undefined;
  const spec = owner.object.spec as { template: NonNullable<typeof old> };
  const creation = createStatefulPod(owner, ordinal, old === undefined ? updateRevision : currentRevision, old ?? spec.template, now.wall);
  const podName = parseObjectKey(key).name;
  for (const claim of claimsOf(owner, ordinal, now.wall)) {
    if (view.get(claim.key) !== undefined) continue;
    pass.mutations.push({ type: 'create', key: claim.key, object: claim.object, orMerge: true });
    const message = `create Claim ${claim.object.metadata.name} Pod ${podName} in StatefulSet ${name} success`;
    pass.events.push(eventOf(owner, 'SuccessfulCreate', message));
  }
  pass.mutations.push(creation);
  pass.events.push(eventOf(owner, 'SuccessfulCreate', `create Pod ${podName} in StatefulSet ${name} successful`));
}

/** From the highest number down to the partition. Source: updateStatefulSet in pkg/controller/statefulset. */
function planUpdate(pass: StatefulPass): void {
  const { state } = pass;
  if (state.spec.updateStrategy?.type === 'OnDelete') return;
  const targets = state.wanted.filter(({ ordinal }) => ordinal >= state.partition).toReversed();
  let unavailable = state.wanted.filter(({ healthy }) => !healthy).length;
  for (const number of targets) {
    const { pod, revision, healthy } = number;
    if (pod === undefined || isDeleting(pod) || revision === state.updateRevision) {
      if (!healthy && unavailable >= state.maxUnavailable) return;
      continue;
    }
    if (healthy && unavailable >= state.maxUnavailable) return;
    // It may run yet: only a person can say that it does not.
    if (isBoundToLostNode(pass.view, pod)) continue;
    if (healthy) unavailable += 1;
    end(pass, number);
    if (unavailable >= state.maxUnavailable) return;
  }
}

/** Once all pods are of the newest revision and serve, it is the current one. */
function planCurrentRevision({ state, mutations }: StatefulPass): void {
  const { owner, wanted, updateRevision } = state;
  const known = owner.object.kith?.facts?.[CURRENT_REVISION_FACT];
  if (known === updateRevision) return;
  const isOver = wanted.every(({ revision, healthy }) => healthy && revision === updateRevision);
  if (known !== undefined && !isOver) return;
  const next: StoredObject = {
    ...owner.object,
    kith: { ...owner.object.kith, facts: { ...owner.object.kith?.facts, [CURRENT_REVISION_FACT]: updateRevision } },
  };
  mutations.push({ type: 'update', key: owner.key, uid: owner.uid, base: owner.object, next });
}

function end(pass: StatefulPass, { pod, ordinal }: Ordinal): void {
  if (pod === undefined) return;
  const { view, state, now } = pass;
  const mutations = deleteMutations(view, pod, now.wall);
  if (mutations.length === 0) return;
  const whenScaled = state.spec.persistentVolumeClaimRetentionPolicy?.whenScaled;
  if (whenScaled === 'Delete' && state.condemned.some((each) => each.pod === pod)) pass.mutations.push(...claimsGoWith(pass, pod, ordinal));
  pass.mutations.push(...mutations);
  const { name } = state.owner.object.metadata;
  pass.events.push(eventOf(state.owner, 'SuccessfulDelete', `delete Pod ${pod.object.metadata.name} in StatefulSet ${name} successful`));
}

/** The storage of a number that is not asked for any more is the pod's from now on, and goes with it. */
function claimsGoWith({ view, state, now }: StatefulPass, pod: DesiredObject, ordinal: number): Mutation[] {
  return claimsOf(state.owner, ordinal, now.wall).flatMap(({ key }): Mutation[] => {
    const claim = view.get(key);
    if (claim === undefined) return [];
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: pod.object.metadata.name, uid: pod.uid }];
    const next = { ...claim.object, metadata: { ...claim.object.metadata, ownerReferences } };
    return [{ type: 'update', key, uid: claim.uid, base: claim.object, next }];
  });
}

function eventOf(owner: DesiredObject, reason: string, message: string, type: EventDraft['type'] = 'Normal'): EventDraft {
  return { about: owner.object, type, reason, message, component: 'statefulset-controller' };
}
