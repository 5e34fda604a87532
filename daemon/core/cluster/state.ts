import { CUSTOM_DEFINITIONS } from '../../../protocol/kinds/custom/definition.ts';
import type { ReplicaChange } from '../../../protocol/desired.ts';
import type { DesiredObject, GroupResource, ObjectKey, Tombstone } from '../../../protocol/objects.ts';
import { objectKey, parseObjectKey, resourceOf } from '../../../protocol/objects.ts';
import type { NodeReport, ObservedRecord, PodReport, PodUsage, UsageReport } from '../../../protocol/observed.ts';
import { jsonEqual } from '../../../protocol/json.ts';
import { CLUSTER_ROLES } from '../authorization/authorizer.ts';
import { keysOfUsage, metricsOf } from '../status/usage-keys.ts';
import { AUTOSCALERS, targetKey } from '../controllers/autoscaling/target.ts';
import { joinMembership, knownState, type KnownState, MEMBERS, type Membership } from './membership.ts';
import { ObjectIndex } from './object-index.ts';
import { boundNode, controllerOf, roomOf, saysUnready } from './pods.ts';
import { PodReports, type Reported } from './pod-reports.ts';
import { CLAIMS, claimKeyOfVolume, claimKeysOf, CLASSES, usersOf, volumeKeyOf, VOLUMES } from '../storage/claims.ts';
import { UsageIndex } from './usage-index.ts';
import type { ClusterIndex, LeaderView, MemberState, MemberView } from './view.ts';

/** Owners of owners that a change is told to: pod, ReplicaSet, Deployment, and one to spare. */
const MAX_OWNER_DEPTH = 4;
const COUNTED_IN: readonly GroupResource[] = ['poddisruptionbudgets.policy', 'resourcequotas'];

export interface ClusterStateDeps {
  /** The replica's greatest buried life of a key. */
  buriedLife(key: ObjectKey): number;
  /** The replica's grave of a key, while it is remembered. */
  graveOf?(key: ObjectKey): Tombstone | undefined;
}

export interface ClusterStateOptions {
  self: { peer: string; node: string };
  /** Of a peer of this process that holds and has heard the same: what both have in common is kept once. */
  from?: ClusterState | undefined;
  comparedAt?: ClusterIndex['comparedAt'];
}

/**
 * The view of this peer, kept up to date change by change. Every `apply…` answers with the keys whose rendering or decisions may differ from now on. It
 * decides nothing.
 */
export class ClusterState implements ClusterIndex {
  readonly self: { peer: string; node: string };
  readonly comparedAt: ClusterIndex['comparedAt'];
  private readonly deps: ClusterStateDeps;
  private readonly objects: ObjectIndex;
  private readonly podReports: PodReports;
  private readonly nodeReports: Map<string, NodeReport>;
  private readonly usages = new UsageIndex();
  /** Nodes that say that they are not ready: monotonic ms since when. */
  private readonly unreadySince = new Map<string, number>();
  private states: Map<string, KnownState>;
  private membership: Membership;
  /** Nodes that pods are bound to and that are no member's: monotonic ms since when. */
  private readonly absentSince = new Map<string, number>();
  private currentLeader: LeaderView = { term: 0, peer: '', isSelf: false };
  private isComplete = false;
  private isRemoved = false;
  private changes = 0;

  constructor(deps: ClusterStateDeps, options: ClusterStateOptions) {
    this.deps = deps;
    this.self = options.self;
    this.comparedAt = options.comparedAt ?? (() => undefined);
    this.objects = new ObjectIndex(options.from?.objects);
    this.podReports = new PodReports(options.from?.podReports);
    this.nodeReports = new Map(options.from?.nodeReports);
    this.states = new Map(options.from?.states);
    this.membership = joinMembership(this.self, this.objects.ofResource(MEMBERS), this.states);
  }

  /** @param monotonic ms: when this was learned. */
  applyDesired(changes: readonly ReplicaChange[], monotonic: number): Set<ObjectKey> {
    this.changes += 1;
    const affected = new Set<ObjectKey>();
    let membersChanged = false;
    for (const { key, after } of changes) {
      const before = this.objects.get(key);
      this.addRelated(key, before, affected);
      this.objects.replace(key, after);
      this.addRelated(key, after, affected);
      const resource = resourceOf(key);
      if (resource === MEMBERS) membersChanged = true;
      if (resource === 'nodes') {
        this.addUnbound(affected);
        for (const daemons of this.objects.ofResource('daemonsets.apps')) affected.add(daemons.key);
        if (!jsonEqual(before?.object.spec ?? null, after?.object.spec ?? null))
          for (const pod of this.objects.podsOnNode(parseObjectKey(key).name)) affected.add(pod.key);
      }
      if (resource === 'pods' && before !== undefined) affected.add(metricsOf(before));
      if (resource === 'pods' && after === undefined && before !== undefined) this.forgetReports(before);
      if (resource === 'pods' && after !== undefined) this.noteAbsent(boundNode(after), monotonic);
    }
    if (membersChanged) this.rejoin(affected, monotonic);
    return affected;
  }

  applyObserved(records: readonly ObservedRecord[], monotonic: number): Set<ObjectKey> {
    this.changes += 1;
    const affected = new Set<ObjectKey>();
    for (const { key, node, incarnation, value } of records) {
      if (key === 'node') this.applyNodeReport(node, value?.kind === 'node' ? value : undefined, affected, monotonic);
      else if (key === 'usage') this.applyUsage(node, value?.kind === 'usage' ? value : undefined, affected);
      else if (key.startsWith('pod/'))
        this.applyPodReport(
          key.slice('pod/'.length),
          node,
          value?.kind === 'pod' ? { node, report: value, incarnation } : undefined,
          affected,
        );
    }
    return affected;
  }

  /** @param monotonic ms: when this was learned. */
  applyLiveness(members: readonly MemberState[], leader: LeaderView, monotonic: number): Set<ObjectKey> {
    this.changes += 1;
    this.currentLeader = leader;
    this.states = new Map(members.map((member) => [member.peer, knownState(member, this.states.get(member.peer), monotonic)]));
    const affected = new Set<ObjectKey>();
    this.rejoin(affected, monotonic);
    return affected;
  }

  setComplete(complete: boolean): Set<ObjectKey> {
    if (this.isComplete === complete) return new Set();
    this.changes += 1;
    this.isComplete = complete;
    return new Set(this.objects.keys());
  }

  setRemoved(): Set<ObjectKey> {
    if (this.isRemoved) return new Set();
    this.changes += 1;
    this.isRemoved = true;
    return new Set(this.objects.keys());
  }

  get version(): number {
    return this.changes;
  }

  get complete(): boolean {
    return this.isComplete;
  }

  get removed(): boolean {
    return this.isRemoved;
  }

  get leader(): LeaderView {
    return this.currentLeader;
  }

  get membersSeen(): number {
    return this.membership.seen;
  }

  get membersKnown(): number {
    return this.membership.members.length;
  }

  get(key: ObjectKey): DesiredObject | undefined {
    return this.objects.get(key);
  }

  list(resource: GroupResource): readonly DesiredObject[] {
    return this.objects.ofResource(resource);
  }

  keys(): Iterable<ObjectKey> {
    return this.objects.keys();
  }

  buriedLife(key: ObjectKey): number {
    return this.deps.buriedLife(key);
  }

  admittedWhenRemoved(peer: string): readonly string[] | undefined {
    return this.deps.graveOf?.(objectKey(MEMBERS, '', peer))?.admitted;
  }

  ownedBy(ownerUid: string): readonly DesiredObject[] {
    return this.objects.controlledBy(ownerUid);
  }

  dependentsOf(ownerUid: string): readonly DesiredObject[] {
    return this.objects.ownedInAnyWayBy(ownerUid);
  }

  inNamespace(namespace: string): readonly DesiredObject[] {
    return this.objects.inNamespace(namespace);
  }

  podsOnNode(node: string): readonly DesiredObject[] {
    return this.objects.podsOnNode(node);
  }

  unboundPods(): readonly DesiredObject[] {
    return this.objects.podsOnNode('');
  }

  repellingPods(): readonly DesiredObject[] {
    return this.objects.repelling();
  }

  podReport(podUid: string, node: string): PodReport | undefined {
    return this.podReports.get(podUid, node)?.report;
  }

  isCurrentReport(podUid: string, node: string): boolean {
    const held = this.podReports.get(podUid, node);
    const member = this.memberOfNode(node);
    return held !== undefined && member !== undefined && held.incarnation >= member.incarnation;
  }

  isReportedEnded(podUid: string): boolean {
    return this.podReports.hasEnded(podUid);
  }

  nodeReport(node: string): NodeReport | undefined {
    return this.nodeReports.get(node);
  }

  usageReport(node: string): UsageReport | undefined {
    return this.usages.get(node);
  }

  podUsage(podUid: string, node: string): PodUsage | undefined {
    return this.usages.ofPod(podUid, node);
  }

  members(): readonly MemberView[] {
    return this.membership.members;
  }

  memberOfNode(node: string): MemberView | undefined {
    return this.membership.byNode.get(node);
  }

  nodeLostSince(node: string): number | undefined {
    const member = this.memberOfNode(node);
    if (member !== undefined) return member.state === 'dead' ? member.since : undefined;
    return this.absentSince.get(node);
  }

  nodeUnreadySince(node: string): number | undefined {
    return this.unreadySince.get(node);
  }

  private applyNodeReport(node: string, report: NodeReport | undefined, affected: Set<ObjectKey>, monotonic: number): void {
    const before = this.nodeReports.get(node);
    if (report === undefined) this.nodeReports.delete(node);
    else this.nodeReports.set(node, report);
    affected.add(objectKey('nodes', '', node));
    if (!jsonEqual(roomOf(before), roomOf(report))) this.addUnbound(affected);
    const unready = saysUnready(report);
    if (unready === this.unreadySince.has(node)) return;
    if (unready) this.unreadySince.set(node, monotonic);
    else this.unreadySince.delete(node);
    for (const pod of this.objects.podsOnNode(node)) this.addWithOwners(pod.key, affected);
  }

  /** Autoscalers and metrics follow from it, and nothing else. */
  private applyUsage(node: string, report: UsageReport | undefined, affected: Set<ObjectKey>): void {
    const touched = new Set<ObjectKey>();
    for (const uid of this.usages.replace(node, report)) {
      const key = this.objects.keyOfUid(uid);
      const pod = key === undefined ? undefined : this.objects.get(key);
      if (pod === undefined) continue;
      this.addOwners(pod, touched);
      affected.add(metricsOf(pod));
    }
    for (const key of keysOfUsage(node)) affected.add(key);
    for (const autoscaler of this.objects.ofResource(AUTOSCALERS)) {
      const key = targetKey(autoscaler);
      if (key !== undefined && touched.has(key)) affected.add(autoscaler.key);
    }
  }

  private applyPodReport(uid: string, node: string, reported: Reported | undefined, affected: Set<ObjectKey>): void {
    if (reported === undefined) this.podReports.delete(uid, node);
    else this.podReports.set(uid, reported);
    const key = this.objects.keyOfUid(uid);
    if (key !== undefined) this.addWithOwners(key, affected);
  }

  private forgetReports(pod: DesiredObject): void {
    const node = boundNode(pod);
    // The node withdraws its own report; this one would outlive a node that is dead.
    if (node !== undefined && this.memberOfNode(node)?.state !== 'alive') this.podReports.delete(pod.uid, node);
  }

  private addRelated(key: ObjectKey, desired: DesiredObject | undefined, affected: Set<ObjectKey>): void {
    affected.add(key);
    if (desired === undefined) return;
    this.addBudgets(desired, affected);
    this.addOwners(desired, affected);
    this.addAutoscalers(desired, affected);
    // What an owner says (slots, its end) is told to those it owns.
    for (const dependent of this.objects.ownedInAnyWayBy(desired.uid)) affected.add(dependent.key);
    const { resource, name } = parseObjectKey(key);
    this.addStorage(resource, desired, affected);
    if (resource === CLUSTER_ROLES) this.addAggregations(affected);
    if (resource === CUSTOM_DEFINITIONS)
      for (const custom of [...this.objects.ofResource(name), ...this.objects.ofResource(resource)]) affected.add(custom.key);
    this.addEnding(objectKey(CUSTOM_DEFINITIONS, '', resource), affected);
    if (resource === 'namespaces') for (const member of this.objects.inNamespace(name)) affected.add(member.key);
    const { namespace } = desired.object.metadata;
    if (namespace !== undefined) this.addEnding(objectKey('namespaces', '', namespace), affected);
  }

  /** Pods, their claims and volumes wait for each other. */
  private addStorage(resource: GroupResource, desired: DesiredObject, affected: Set<ObjectKey>): void {
    if (resource === 'pods') for (const key of claimKeysOf(desired)) affected.add(key);
    if (resource === VOLUMES) for (const key of [claimKeyOfVolume(desired)]) if (key !== undefined) affected.add(key);
    if (resource === CLASSES) for (const claim of this.objects.ofResource(CLAIMS)) affected.add(claim.key);
    if (resource === CLASSES || resource === CLAIMS) this.addUnbound(affected);
    if (resource !== CLAIMS) return;
    affected.add(volumeKeyOf(desired));
    for (const pod of usersOf(this, desired)) affected.add(pod.key);
  }

  /** What they gather may have changed. */
  private addAggregations(affected: Set<ObjectKey>): void {
    for (const { key, object } of this.objects.ofResource(CLUSTER_ROLES)) if (object['aggregationRule'] !== undefined) affected.add(key);
  }

  /** A namespace or a definition that is deleted waits for its contents. */
  private addEnding(key: ObjectKey, affected: Set<ObjectKey>): void {
    if (this.objects.get(key)?.object.metadata.deletionTimestamp !== undefined) affected.add(key);
  }

  private addOwners(desired: DesiredObject, affected: Set<ObjectKey>): void {
    let owned: DesiredObject | undefined = desired;
    for (let depth = 0; depth < MAX_OWNER_DEPTH && owned !== undefined; depth += 1) {
      const ownerUid: string | undefined = controllerOf(owned)?.uid;
      const ownerKey: ObjectKey | undefined = ownerUid === undefined ? undefined : this.objects.keyOfUid(ownerUid);
      if (ownerKey !== undefined) affected.add(ownerKey);
      owned = ownerKey === undefined ? undefined : this.objects.get(ownerKey);
    }
  }

  private addWithOwners(key: ObjectKey, affected: Set<ObjectKey>): void {
    affected.add(key);
    const desired = this.objects.get(key);
    if (desired === undefined) return;
    this.addOwners(desired, affected);
    this.addAutoscalers(desired, affected);
    this.addBudgets(desired, affected);
  }

  /** Those whose targets are among what is affected already. */
  private addAutoscalers({ object }: DesiredObject, affected: Set<ObjectKey>): void {
    for (const autoscaler of this.objects.ofResource(AUTOSCALERS)) {
      if (autoscaler.object.metadata.namespace !== object.metadata.namespace) continue;
      const key = targetKey(autoscaler);
      if (key !== undefined && affected.has(key)) affected.add(autoscaler.key);
    }
  }

  /** What a budget allows follows from its pods, and from how many they are to be; what a quota counts from all of its namespace. */
  private addBudgets({ object }: DesiredObject, affected: Set<ObjectKey>): void {
    for (const resource of COUNTED_IN)
      for (const budget of this.objects.ofResource(resource))
        if (budget.object.metadata.namespace === object.metadata.namespace) affected.add(budget.key);
  }

  private addUnbound(affected: Set<ObjectKey>): void {
    for (const pod of this.unboundPods()) affected.add(pod.key);
  }

  /** Joins members anew and tells everybody on nodes that came, went, died, came back or started again. */
  private rejoin(affected: Set<ObjectKey>, monotonic: number): void {
    const before = this.membership;
    this.membership = joinMembership(this.self, this.objects.ofResource(MEMBERS), this.states);
    for (const node of new Set([...before.byNode.keys(), ...this.membership.byNode.keys()])) {
      const was = before.byNode.get(node);
      const is = this.membership.byNode.get(node);
      if (is !== undefined) this.absentSince.delete(node);
      else this.noteAbsent(node, monotonic);
      const same = was?.state === is?.state && was?.peer === is?.peer && was?.incarnation === is?.incarnation;
      if (same && was?.death?.at === is?.death?.at) continue;
      for (const member of [was, is]) if (member !== undefined) affected.add(objectKey(MEMBERS, '', member.peer));
      for (const key of [objectKey('nodes', '', node), ...keysOfUsage(node)]) affected.add(key);
      for (const pod of this.objects.podsOnNode(node)) {
        affected.add(metricsOf(pod));
        this.addWithOwners(pod.key, affected);
      }
      this.addUnbound(affected);
    }
  }

  private noteAbsent(node: string | undefined, monotonic: number): void {
    if (node === undefined || this.membership.byNode.has(node) || this.absentSince.has(node)) return;
    this.absentSince.set(node, monotonic);
  }
}
