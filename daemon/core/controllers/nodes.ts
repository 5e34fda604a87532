import { objectKey } from '../../../protocol/objects.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Member, Node } from '../../../protocol/types.ts';
import { admitterOf, MEMBERS, voidedAmong } from '../cluster/membership.ts';
import { checkLabelValue } from '../../../protocol/values/names.ts';
import { parseTime } from '../../../protocol/values/time.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { buryMutation } from '../deletion.ts';
import type { Decision, Now } from '../decisions.ts';

/** On a Node: the peer id of the member that it stands for. */
export const PEER_ANNOTATION = 'kith.dev/peer';

/** Every member's Node object, made by whoever sees first that it is missing: it follows from the member alone, so all make the same. */
export function planMissingNodes(view: ClusterIndex): Decision[] {
  return view.list(MEMBERS).flatMap((member): Decision[] => {
    const nodeName = (member.object.spec as { nodeName?: string } | undefined)?.nodeName;
    if (nodeName === undefined || nodeName === '') return [];
    const key = objectKey('nodes', '', nodeName);
    if (view.get(key) !== undefined) return [];
    const { name: peer, creationTimestamp } = member.object.metadata;
    const object: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: nodeName,
        uid: '',
        creationTimestamp,
        labels: ownLabels(nodeName),
        annotations: { [PEER_ANNOTATION]: peer },
      },
      spec: {},
    };
    const reason = `member ${peer} runs node ${nodeName}`;
    return [{ do: 'write', mutations: [{ type: 'create', key, object, orMerge: true }], reason }];
  });
}

/** The labels that a node bears by what it is, for the selectors of pods: as a kubelet writes them, and writes them again over another's words. */
export function planNodeLabels(view: ClusterIndex, node: DesiredObject): Decision[] {
  const { name, labels = {} } = node.object.metadata;
  const { architecture, operatingSystem } = view.nodeReport(name)?.status.nodeInfo ?? {};
  const own = ownLabels(name, operatingSystem, architecture);
  const missing = Object.entries(own).filter(([label, value]) => labels[label] !== value);
  if (view.memberOfNode(name) === undefined || missing.length === 0) return [];
  const metadata = { ...node.object.metadata, labels: { ...labels, ...own } };
  const next = { ...node.object, metadata };
  const reason = `node ${name} says what it is: ${missing.map(([label, value]) => `${label}=${value}`).join(', ')}`;
  return [{ do: 'write', mutations: [{ type: 'update', key: node.key, uid: node.uid, base: node.object, next }], reason }];
}

/** A name may be longer than a label's value, and what a peer reports may be anything. */
function ownLabels(name: string, os?: string, architecture?: string): Record<string, string> {
  const labels = { 'kubernetes.io/arch': architecture, 'kubernetes.io/hostname': name, 'kubernetes.io/os': os };
  const usable = Object.entries(labels).filter(([, value]) => value !== undefined && value !== '' && checkLabelValue(value).length === 0);
  return Object.fromEntries(usable) as Record<string, string>;
}

/** A member that is away for this long is most likely gone for good, ms. */
export const LONG_ABSENCE_MS = 72 * 60 * 60 * 1000;

/** Tells what a member costs that is dead for long: only a person can say that it will not come back. */
export function planLongAbsence(view: ClusterIndex, node: DesiredObject, now: Now): Decision[] {
  const { name } = node.object.metadata;
  const death = view.memberOfNode(name)?.death;
  const diedAt = parseTime(death?.at ?? '');
  if (death === undefined || diedAt === undefined) return [];
  const left = diedAt + LONG_ABSENCE_MS - now.wall;
  if (left > 0) return [{ do: 'wake', key: node.key, at: now.monotonic + left }];
  const message = `dead since ${death.at}: until it returns, the cluster remembers all that is deleted, as this host may still hold it. If it will not return, remove it: kith delete node ${name}`;
  return [{ do: 'event', event: { about: node.object, type: 'Warning', reason: 'MemberAbsent', message, component: 'kith' } }];
}

/** A removal is for ever, so that one peer that knows it ending the admissions that are void by it is enough. */
export function planVoidedMembers(view: ClusterIndex, now: Now): Decision[] {
  const members = view.list(MEMBERS);
  const specs = members.flatMap(({ object }) => (object as Partial<Member>).spec ?? []);
  const voided = voidedAmong(specs, (peer) => view.admittedWhenRemoved(peer));
  if (voided.size === 0) return [];
  const gone = members.filter(({ object }) => voided.has(object.metadata.name));
  const names = gone.map(({ object }) => `${object.metadata.name} by ${admitterOf(object) ?? ''}`).join(', ');
  // In one write: the grave of one that is void names the others that it let in.
  const mutations = gone.map((member) => buryMutation(member, now.wall));
  return [{ do: 'write', mutations, reason: `admitted by a host that was being removed, unseen by its remover: ${names}` }];
}

/** A Node whose member was removed goes, too. */
export function planNodeEnd(view: ClusterIndex, node: DesiredObject, now: Now): Decision[] {
  const { name, annotations } = node.object.metadata;
  const peer = annotations?.[PEER_ANNOTATION];
  if (peer === undefined || view.memberOfNode(name) !== undefined) return [];
  const member = objectKey(MEMBERS, '', peer);
  if (view.get(member) !== undefined || view.buriedLife(member) === 0) return [];
  return [{ do: 'write', mutations: [buryMutation(node, now.wall)], reason: `member ${peer} was removed` }];
}
