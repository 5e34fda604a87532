/**
 * Which part of the cluster's pod range is whose. A node claims a /24 by writing it into its own Node object; nobody gives it out. The Nodes are the book, so a
 * removed node's part is free again with its Node. Two sides of a split may claim one twice: the older Node keeps it, everywhere, and the other renumbers itself.
 */
import { createHash } from 'node:crypto';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { ClusterNetwork, Node } from '../../../protocol/types.ts';
import { contains, formatAddress, overlaps, readSubnet, sizeOf, type Subnet } from '../../../protocol/values/ipv4.ts';
import type { ClusterView } from '../cluster/view.ts';
import type { Decision } from '../decisions.ts';

export const CLUSTER_NETWORKS = 'clusternetworks.kith.dev';
export const CLUSTER_NETWORK_KEY = objectKey(CLUSTER_NETWORKS, '', 'default');
/** Where no founder said otherwise. */
export const DEFAULT_POD_RANGE = '10.42.0.0/16';
/** Every node's part, whatever the range. */
export const NODE_PREFIX = 24;
/** Steps between two tries: odd, so that all parts of a range (a power of two) come up. */
const STEP = 37;

export function podRange(view: Pick<ClusterView, 'get'>): Subnet {
  const said = (view.get(CLUSTER_NETWORK_KEY)?.object as ClusterNetwork | undefined)?.spec.podRange;
  return readSubnet(said ?? '') ?? readSubnet(DEFAULT_POD_RANGE)!;
}

/** The node's part, as its Node says. */
export function podSubnetOf(view: Pick<ClusterView, 'get'>, node: string): Subnet | undefined {
  return subnetIn(view.get(objectKey('nodes', '', node)));
}

/**
 * Whether a pod's address lies in another node's part: its node has lost a conflict, and the address may be somebody else's. Such a pod goes on and gets no
 * connections until it is replaced.
 */
export function isStrayAddress(view: Pick<ClusterView, 'get' | 'list'>, node: string, address: string): boolean {
  const own = podSubnetOf(view, node);
  if (own === undefined || contains(own, address) || !contains(podRange(view), address)) return false;
  return view.list('nodes').some((other) => other.object.metadata.name !== node && contains(subnetIn(other) ?? NOWHERE, address));
}

const NOWHERE: Subnet = { base: 0, prefix: 32, text: '0.0.0.0/32' };

export interface ClaimFacts {
  /** Seeds the order of tries. */
  clusterId: string;
  /** What this host can not have: networks around its own addresses, and what its engine refused. */
  unusable: readonly Subnet[];
}

/** What this node has to write so that it has a part of the range to itself; nothing where it has. */
export function planPodSubnet(view: ClusterView, facts: ClaimFacts): Decision[] {
  const { node } = view.self;
  const own = view.get(objectKey('nodes', '', node));
  if (own === undefined || !view.complete || view.removed) return [];
  const range = podRange(view);
  const present = subnetIn(own);
  const others = view.list('nodes').filter(({ key }) => key !== own.key);
  const why = present === undefined ? 'it has none' : whyNot(present, own, others, range, facts);
  if (why === undefined) return [];
  const free = firstFree(range, `${facts.clusterId}\0${node}`, [...others.flatMap((other) => subnetIn(other) ?? []), ...facts.unusable]);
  if (free === undefined) {
    const message = `no /${NODE_PREFIX} of the pod range ${range.text} is free for this node: its pods get addresses that only this host reaches`;
    return [{ do: 'event', event: { about: own.object, type: 'Warning', reason: 'CIDRNotAvailable', message, component: 'kith' } }];
  }
  const spec = { ...(own.object as Node).spec, podCIDR: free, podCIDRs: [free] };
  const reason = `node ${node} takes ${free} for its pods: ${why}`;
  return [
    { do: 'write', mutations: [{ type: 'update', key: own.key, uid: own.uid, base: own.object, next: { ...own.object, spec } }], reason },
  ];
}

function whyNot(
  present: Subnet,
  own: DesiredObject,
  others: readonly DesiredObject[],
  range: Subnet,
  facts: ClaimFacts,
): string | undefined {
  if (!overlaps(present, range)) return `${present.text} is outside of the pod range ${range.text}`;
  const refused = facts.unusable.find((subnet) => overlaps(present, subnet));
  if (refused !== undefined) return `${present.text} can not be had on this host, where ${refused.text} is in use`;
  const rival = others.find((other) => overlaps(present, subnetIn(other) ?? NOWHERE) && isBefore(other, own));
  return rival === undefined ? undefined : `${present.text} is node ${rival.object.metadata.name}'s`;
}

/** The older Node keeps what two have; it is likely to have more pods. */
function isBefore(left: DesiredObject, right: DesiredObject): boolean {
  const [one, other] = [left.object.metadata, right.object.metadata];
  if (one.creationTimestamp !== other.creationTimestamp) return one.creationTimestamp < other.creationTimestamp;
  return one.name < other.name;
}

function subnetIn(node: DesiredObject | undefined): Subnet | undefined {
  return readSubnet((node?.object as Partial<Node> | undefined)?.spec?.podCIDR ?? '');
}

/** The same order of tries each time for one node, mostly another for other nodes. */
export function firstFree(range: Subnet, seed: string, taken: readonly Subnet[]): string | undefined {
  const count = 2 ** Math.max(0, NODE_PREFIX - range.prefix);
  const size = sizeOf({ base: 0, prefix: NODE_PREFIX, text: '' });
  const first = createHash('sha256').update(seed).digest().readUInt32BE(0) % count;
  const texts = new Set(taken.map(({ text }) => text));
  const odd = taken.filter(({ prefix }) => prefix !== NODE_PREFIX);
  for (let index = 0; index < count; index += 1) {
    const base = range.base + ((first + index * STEP) % count) * size;
    const text = `${formatAddress(base)}/${NODE_PREFIX}`;
    if (!texts.has(text) && !odd.some((other) => overlaps(other, { base, prefix: NODE_PREFIX, text }))) return text;
  }
  return undefined;
}
