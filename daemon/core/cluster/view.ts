import type { ReplicaChange } from '../../../protocol/desired.ts';
import type { DesiredObject, GroupResource, ObjectKey } from '../../../protocol/objects.ts';
import type { DeathRecord, NodeReport, PodReport, PodUsage, UsageReport } from '../../../protocol/observed.ts';
import type { MemberSpec } from '../../../protocol/types.ts';

/**
 * What a peer believes, merged and indexed: the one thing all decisions read. Decisions never change it; the peer's loop does, from changes of desired state,
 * observed state and liveness. Same facts, same view, same decisions on every peer.
 */
export interface ClusterView {
  /** Our own peer id and node name. */
  readonly self: { peer: string; node: string };
  /** False until this peer has proved that it holds the whole desired state. Nothing is deleted, stopped, claimed or replaced while it is. */
  readonly complete: boolean;
  /** This peer was removed from the cluster, and knows it. It stops its pods and decides nothing more, for ever. */
  readonly removed: boolean;

  get(key: ObjectKey): DesiredObject | undefined;
  list(resource: GroupResource): readonly DesiredObject[];
  /** Greatest buried life of the key, 0 when none. */
  buriedLife(key: ObjectKey): number;
  /** Live objects whose controller owner reference has this uid. */
  ownedBy(ownerUid: string): readonly DesiredObject[];
  /** Pods bound to a node, in no order. */
  podsOnNode(node: string): readonly DesiredObject[];

  /** Status reports by (pod uid, node). */
  podReport(podUid: string, node: string): PodReport | undefined;
  /** Whether that report was made, or made again, since the node was last heard to start or to refute its death. */
  isCurrentReport(podUid: string, node: string): boolean;
  nodeReport(node: string): NodeReport | undefined;
  /** What the node and its pods use, as it last said. */
  usageReport(node: string): UsageReport | undefined;
  /** Of one pod of that report. */
  podUsage(podUid: string, node: string): PodUsage | undefined;

  members(): readonly MemberView[];
  memberOfNode(node: string): MemberView | undefined;
  readonly leader: LeaderView;
  /** Members alive in this view (self included; suspected ones count), and members known. */
  readonly membersSeen: number;
  readonly membersKnown: number;
}

/** What the decisions of the cluster (scheduler, controllers, heirs) read beyond what a node and the API need. */
export interface ClusterIndex extends ClusterView {
  /** Grows with every change of anything above: what is computed from a view may be kept under it. */
  readonly version: number;
  /** Live objects with any owner reference to this uid. */
  dependentsOf(ownerUid: string): readonly DesiredObject[];
  inNamespace(namespace: string): readonly DesiredObject[];
  /** Of a removed member, while its grave is remembered: whom it had admitted, as far as its remover knew. Undefined where that is not known. */
  admittedWhenRemoved(peer: string): readonly string[] | undefined;
  /** Whether any node reports that the pod has ended. */
  isReportedEnded(podUid: string): boolean;
  /** Pods without a binding, in no order. */
  unboundPods(): readonly DesiredObject[];
  /** Pods that keep others away from where they run, by required anti-affinity, in no order. */
  repellingPods(): readonly DesiredObject[];
  /** Monotonic ms (of this peer) since when the node is dead or no member's; undefined while it is a living member's, or nothing was ever bound to it. */
  nodeLostSince(node: string): number | undefined;
  /** Monotonic ms (of this peer) since when the node says of itself that it is not ready: its container engine is away. */
  nodeUnreadySince(node: string): number | undefined;
  /** Monotonic ms (of this peer) when the last comparison with a member began after which this peer held all that the member did, desired and observed. */
  readonly comparedAt: (peer: string) => number | undefined;
}

export interface MemberView extends MemberState {
  spec: MemberSpec;
  /** Monotonic ms (of this peer) since when it is known in this incarnation: what it says of itself is made again from then on. */
  incarnationSince: number;
  /** Monotonic ms (of this peer) when it was heard first, or first after its death, however often it was suspected since; infinite while it is dead or was not heard yet. */
  backSince: number;
}

/** What liveness says of a member. */
export interface MemberState {
  peer: string;
  state: 'alive' | 'suspected' | 'dead';
  /** Monotonic ms (of this peer) since when it is in that state. */
  since: number;
  incarnation: number;
  /** The record that says that it is dead. */
  death?: DeathRecord;
  /** That is the word of others alone: this peer does not observe it. */
  hearsay?: true;
}

export interface LeaderView {
  term: number;
  /** Peer id, or empty while there is none. */
  peer: string;
  isSelf: boolean;
}

/** What of these objects the view does not show yet. */
export function changesSince(view: Pick<ClusterView, 'get'>, objects: Iterable<DesiredObject>): ReplicaChange[] {
  return [...objects].flatMap((after) => {
    const before = view.get(after.key);
    return before === after ? [] : [{ key: after.key, before, after }];
  });
}
