import type { Mutation } from '../../../../protocol/desired.ts';
import type { DesiredObject, ObjectKey } from '../../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../../protocol/objects.ts';
import { parseTime } from '../../../../protocol/values/time.ts';
import { isDeleting } from '../../cluster/pods.ts';
import type { ClusterIndex } from '../../cluster/view.ts';
import type { Decision, EventDraft, Now } from '../../decisions.ts';
import { deleteMutations } from '../deletion-world.ts';
import { planRevisions, REVISION_HASH_LABEL } from '../revisions.ts';
import { BURST } from '../slot-pass.ts';
import { createDaemonPod } from './daemon-pod.ts';
import { type DaemonNode, type DaemonPod, daemonPodKey, type DaemonView, viewDaemonSet } from './daemon-view.ts';

/** How long a pod that has ended stays before it is made again. Upstream begins with a second and doubles it. */
const RENEW_MS = 10_000;

interface DaemonPass {
  view: ClusterIndex;
  state: DaemonView;
  now: Now;
  mutations: Mutation[];
  events: EventDraft[];
  wakes: Decision[];
  /** Nodes to make a pod on. */
  toOpen: string[];
}

/**
 * The controller of a DaemonSet: one pod on each node that fits it. Its pods are for their node: no heir takes them, and that of a dead node waits for it. Nothing
 * is kept for each node: names follow from node and template.
 */
export function planDaemonSet(view: ClusterIndex, key: ObjectKey, now: Now): Decision[] {
  const owner = view.get(key);
  if (owner === undefined || isDeleting(owner)) return [];
  const state = viewDaemonSet(view, owner, now.wall);
  const pass: DaemonPass = { view, state, now, mutations: [], events: [], wakes: [], toOpen: [] };
  for (const node of state.nodes) settleNode(pass, node);
  for (const pod of state.stray) if (isOfGoneNode(view, pod) && !isDeleting(pod)) end(pass, pod);
  planUpdate(pass);
  for (const node of pass.toOpen.slice(0, BURST)) open(pass, node);
  const { name } = owner.object.metadata;
  const inUse = new Set(
    state.nodes.flatMap(({ live }) => live.map(({ pod }) => `${name}-${pod.object.metadata.labels?.[REVISION_HASH_LABEL] ?? ''}`)),
  );
  pass.mutations.push(...planRevisions(view, owner, inUse, now));
  const events = pass.events.map((event): Decision => ({ do: 'event', event }));
  const write: Decision[] =
    pass.mutations.length === 0
      ? []
      : [{ do: 'write', mutations: pass.mutations, reason: 'each node that fits is to have its pod' }, ...events];
  return [...write, ...pass.wakes];
}

/** What of the node is wrong whatever the template: too many pods, none, or one that has ended. */
function settleNode(pass: DaemonPass, node: DaemonNode): void {
  const { now, state } = pass;
  const { owner } = state;
  for (const pod of node.ended) {
    const at = (parseTime(pod.object.kith?.outcome?.finishedAt ?? '') ?? now.wall) + RENEW_MS;
    if (now.wall < at) pass.wakes.push({ do: 'wake', key: owner.key, at: now.monotonic + at - now.wall });
    else {
      const { name, namespace } = pod.object.metadata;
      const failed = pod.object.kith?.outcome?.phase !== 'Succeeded';
      const message = `Found ${failed ? 'failed' : 'succeeded'} daemon pod ${namespace}/${name} on node ${node.name}, will try to ${failed ? 'kill' : 'delete'} it`;
      pass.events.push(eventOf(owner, failed ? 'FailedDaemonPod' : 'SucceededDaemonPod', message, failed ? 'Warning' : 'Normal'));
      end(pass, pod);
    }
  }
  if (!node.mayStay) for (const { pod } of node.live) end(pass, pod);
  else if (node.wanted && node.live.length + node.ended.length + node.leaving === 0) pass.toOpen.push(node.name);
  else for (const { pod } of surplusOf(node.live)) end(pass, pod);
}

/** Of each template one suffices: the oldest. A new one and an old one may be there together while one takes over from the other. */
function surplusOf(live: readonly DaemonPod[]): readonly DaemonPod[] {
  return [true, false].flatMap((isNew) => {
    const same = live.filter((each) => each.isNew === isNew);
    same.sort((left, right) => Number(right.available) - Number(left.available) || (left.pod.key < right.pod.key ? -1 : 1));
    return same.slice(1);
  });
}

/** Source: rollingUpdate in pkg/controller/daemon/update.go. */
function planUpdate(pass: DaemonPass): void {
  const { state } = pass;
  if (state.spec.updateStrategy?.type === 'OnDelete') return;
  const nodes = state.nodes.filter((node) => node.wanted && node.mayStay);
  const outdated = nodes.filter(({ live }) => live.some(({ isNew }) => !isNew));
  if (state.maxSurge > 0) {
    surge(pass, outdated);
    return;
  }
  const unavailable = nodes.filter(({ live }) => !live.some(({ available }) => available)).length;
  let mayGo = state.maxUnavailable - unavailable;
  for (const { live } of outdated) {
    for (const { pod, isNew, available } of live) {
      if (isNew) continue;
      // What does not serve anyway goes first of all.
      if (available && mayGo <= 0) continue;
      if (available) mayGo -= 1;
      end(pass, pod);
    }
  }
}

/** The new pod first, then the old one goes. */
function surge(pass: DaemonPass, outdated: readonly DaemonNode[]): void {
  const { maxSurge } = pass.state;
  let under = 0;
  for (const { name, live } of outdated) {
    const renewed = live.find(({ isNew }) => isNew);
    const old = live.find(({ isNew }) => !isNew);
    if (renewed?.available === true || old?.available !== true) {
      if (old !== undefined) end(pass, old.pod);
      continue;
    }
    under += 1;
    if (renewed === undefined && under <= maxSurge) pass.toOpen.push(name);
  }
}

function open({ view, state, now, mutations, events }: DaemonPass, node: string): void {
  const key = daemonPodKey(view, state, node);
  if (key === undefined || view.get(key) !== undefined) return;
  mutations.push(createDaemonPod(state.owner, key, node, state.hash, now.wall));
  events.push(eventOf(state.owner, 'SuccessfulCreate', `Created pod: ${parseObjectKey(key).name}`));
}

/** Never because the Node is not there: it may not have come yet. */
function isOfGoneNode(view: ClusterIndex, pod: DesiredObject): boolean {
  const bound = pod.object.kith?.binding?.node;
  return bound === undefined || view.buriedLife(objectKey('nodes', '', bound)) > 0;
}

function end(pass: DaemonPass, pod: DesiredObject): void {
  const mutations = deleteMutations(pass.view, pod, pass.now.wall);
  if (mutations.length === 0) return;
  pass.mutations.push(...mutations);
  pass.events.push(eventOf(pass.state.owner, 'SuccessfulDelete', `Deleted pod: ${pod.object.metadata.name}`));
}

function eventOf(owner: DesiredObject, reason: string, message: string, type: EventDraft['type'] = 'Normal'): EventDraft {
  return { about: owner.object, type, reason, message, component: 'daemonset-controller' };
}
