import type { Mutation } from '../../protocol/desired.ts';
import type { DesiredObject, ObjectKey } from '../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../protocol/objects.ts';
import { admitCreations, boundsCreations, REFUSED_RETRY_MS } from '../core/admission/creations.ts';
import type { QuotaLedger } from '../core/admission/quota.ts';
import type { ClusterIndex } from '../core/cluster/view.ts';
import { type ControllerMemory, planControllers, planFoundations } from '../core/controllers/plan.ts';
import type { Decision, EventDraft, Now } from '../core/decisions.ts';
import { HEIR_SETTINGS, noteLoss, planClaims } from '../core/heirs/claims.ts';
import type { OrphanMemory } from '../core/heirs/claims.ts';
import { isSchedulable, planPlacements } from '../core/scheduler/bindings.ts';
import { madePods, withBindings } from '../core/scheduler/made-pods.ts';
import { nextChangeAt } from '../core/status/next-change.ts';

/** A write and the Events that tell of it, or Events alone. It is carried out whole, or not and tried again under its key. */
export interface WorkUnit {
  key: ObjectKey;
  mutations: Mutation[];
  reason: string;
  events: EventDraft[];
}

export interface PassPlan {
  units: WorkUnit[];
  wakes: { key: ObjectKey; at: number }[];
  /** Members to compare with, unless that was done since then (monotonic ms): something waits for it. */
  compares: Map<string, number>;
  /** Members that are dead by others' word alone, which somebody would act on. */
  doubts: Set<string>;
  /** Pods that wait for a node. */
  unplaced: ObjectKey[];
}

const FOUNDATION_RESOURCES: ReadonlySet<string> = new Set(['namespaces', 'nodes', 'members.kith.dev']);

/** All decisions about some keys. The leader's duties only with `isLeader`; an heir's always. `orphans` is kept from pass to pass. */
export function planPass(
  view: ClusterIndex,
  keys: readonly ObjectKey[],
  now: Now,
  options: { isLeader: boolean; orphans?: OrphanMemory; memory?: ControllerMemory },
): PassPlan {
  const { isLeader, orphans } = options;
  const plan: PassPlan = { units: [], wakes: [], compares: new Map(), doubts: new Set(), unplaced: [] };
  const pods: DesiredObject[] = [];
  let foundations = false;
  for (const key of keys) {
    const { resource, name } = parseObjectKey(key);
    foundations ||= FOUNDATION_RESOURCES.has(resource);
    const pod = resource === 'pods' ? view.get(key) : undefined;
    if (pod !== undefined) pods.push(pod);
    else orphans?.since.delete(key);
    if (resource === 'nodes' && orphans !== undefined) noteLoss(view, orphans, name);
    if (isLeader) collect(plan, key, planControllers(view, key, now, options.memory));
    const changesAt = nextChangeAt(view, key, now);
    if (changesAt !== undefined) plan.wakes.push({ key, at: changesAt });
  }
  admit(view, plan, 0, now, true);
  const claimed = plan.units.length;
  collectClaims(plan, planClaims(view, pods, now, HEIR_SETTINGS, orphans));
  admit(view, plan, claimed, now, false);
  if (!isLeader) return plan;
  if (foundations) collect(plan, '', planFoundations(view, now));
  const waiting = pods.filter((pod) => isSchedulable(view, pod));
  bind(view, plan, waiting, now);
  const placed = new Set(plan.units.flatMap(({ mutations }) => mutations.map(({ key }) => key)));
  plan.unplaced.push(...waiting.map(({ key }) => key).filter((key) => !placed.has(key)));
  return plan;
}

/** What is to be created passes where a client's object passes. @param counts whether quotas hold it back */
function admit(view: ClusterIndex, plan: PassPlan, first: number, now: Now, counts: boolean): void {
  if (plan.units.length === first || !boundsCreations(view)) return;
  const ledger: QuotaLedger = new Map();
  const told: WorkUnit[] = [];
  for (const unit of plan.units.slice(first)) {
    for (const { owner, event } of admitCreations(view, unit, ledger, counts)) {
      told.push({ key: owner, mutations: [], reason: event.reason, events: [event] });
      plan.wakes.push({ key: owner, at: now.monotonic + REFUSED_RETRY_MS });
    }
  }
  const left = plan.units.splice(first).filter(({ mutations, events }) => mutations.length + events.length > 0);
  plan.units.push(...left, ...told);
}

/** Those that wait for a node, and those that the units make: these are bound where they are made. */
function bind(view: ClusterIndex, plan: PassPlan, waiting: readonly DesiredObject[], now: Now): void {
  const made = plan.units.flatMap(({ mutations }) => madePods(mutations));
  const { decisions, bindings } = planPlacements(view, waiting, made, now);
  for (const unit of bindings.size === 0 ? [] : plan.units) {
    const { mutations, events } = withBindings(unit.mutations, bindings);
    if (events.length === 0) continue;
    unit.mutations = mutations;
    unit.events.push(...events);
  }
  collect(plan, '', decisions);
}

/** A claim that lost its race is looked at again under the orphan it is about, not under the orphan's owner: that one is the leader's to look at. */
function collectClaims(plan: PassPlan, claims: readonly Decision[]): void {
  const before = plan.units.length;
  collect(plan, '', claims);
  for (const unit of plan.units.slice(before)) {
    const { name, namespace } = unit.events[0]?.about.metadata ?? {};
    if (name !== undefined) unit.key = objectKey('pods', namespace ?? '', name);
  }
}

/** Cuts decisions into units: a write takes the Events that follow it. */
function collect(plan: PassPlan, key: ObjectKey, decisions: readonly Decision[]): void {
  let unit: WorkUnit | undefined;
  for (const decision of decisions) {
    if (decision.do === 'wake') plan.wakes.push(decision);
    else if (decision.do === 'compare')
      plan.compares.set(decision.peer, Math.max(decision.since, plan.compares.get(decision.peer) ?? decision.since));
    else if (decision.do === 'doubt') plan.doubts.add(decision.peer);
    else if (decision.do === 'write') {
      unit = {
        key: key === '' ? (decision.mutations[0]?.key ?? '') : key,
        mutations: decision.mutations,
        reason: decision.reason,
        events: [],
      };
      plan.units.push(unit);
    } else if (unit === undefined || isStandalone(decision.event)) {
      plan.units.push({ key, mutations: [], reason: decision.event.reason, events: [decision.event] });
    } else unit.events.push(decision.event);
  }
}

/** Events that tell of something that was not done. */
function isStandalone(event: EventDraft): boolean {
  return STANDING_REASONS.has(event.reason);
}

/** Reasons of a state that lasts, also where something is written at the same look: told once for each change of its message. */
export const STANDING_REASONS: ReadonlySet<string> = new Set([
  'FailedGetResourceMetric',
  'ExternalProvisioning',
  'FailedBinding',
  'FailedCreate',
  'FailedGetScale',
  'FailedScheduling',
  'MemberAbsent',
  'ProvisioningFailed',
  'WaitForFirstConsumer',
  'WaitingForMajority',
  'WaitingForVolume',
]);
