import type { Mutation } from '../../protocol/desired.ts';
import { jsonEqual } from '../../protocol/json.ts';
import { objectKey, type DesiredObject } from '../../protocol/objects.ts';
import type { ClusterNetwork, ClusterNetworkSpec, JoinTokenSpec, Member, MemberSpec } from '../../protocol/types.ts';
import { formatTime } from '../../protocol/values/time.ts';
import { MEMBERS } from '../core/cluster/membership.ts';
import { CLUSTER_NETWORK_KEY } from '../core/network/pod-subnets.ts';
import type { Replica } from '../ports/replica.ts';

export const JOIN_TOKENS = 'jointokens.kith.dev';

/** How pods and services are numbered, by who founds the cluster. */
export function createClusterNetwork(spec: ClusterNetworkSpec, nowMs: number): Mutation {
  const metadata = { name: 'default', uid: '', creationTimestamp: formatTime(nowMs) };
  const object: ClusterNetwork = { apiVersion: 'kith.dev/v1', kind: 'ClusterNetwork', metadata, spec };
  return { type: 'create', key: CLUSTER_NETWORK_KEY, object, orMerge: true };
}

export function memberKey(peer: string): string {
  return objectKey(MEMBERS, '', peer);
}

export function createMember(spec: MemberSpec, nowMs: number): Mutation {
  const metadata = { name: spec.peerId, uid: '', creationTimestamp: formatTime(nowMs) };
  const object: Member = { apiVersion: 'kith.dev/v1', kind: 'Member', metadata, spec };
  return { type: 'create', key: memberKey(spec.peerId), object, orMerge: true };
}

/** What brings a member's object up to date with what it says of itself now: addresses move, keys are made anew. Empty when it is. */
export function updateMember(replica: Replica, spec: MemberSpec): Mutation[] {
  const held = replica.get(memberKey(spec.peerId));
  if (held === undefined) return [];
  const before = (held.object as Member).spec;
  const next = { ...held.object, spec: { ...spec, admittedBy: before.admittedBy, nodeName: before.nodeName } };
  return jsonEqual(before, next.spec) ? [] : [{ type: 'update', key: held.key, uid: held.uid, base: held.object, next }];
}

/** Writes a member down and marks the token used. Bears repetition. */
export function admitMember(replica: Replica, member: MemberSpec, tokenId: string, nowMs: number): Mutation[] {
  const present = replica.get(memberKey(member.peerId));
  const mutations = present === undefined ? [createMember(member, nowMs)] : updateMember(replica, member);
  const token = replica.get(objectKey(JOIN_TOKENS, '', tokenId));
  return token === undefined ? mutations : [...mutations, ...markUsed(token, member.peerId)];
}

function markUsed(token: DesiredObject, peer: string): Mutation[] {
  const spec = token.object.spec as JoinTokenSpec;
  if (spec.usedBy !== undefined) return [];
  return [
    { type: 'update', key: token.key, uid: token.uid, base: token.object, next: { ...token.object, spec: { ...spec, usedBy: peer } } },
  ];
}

export function createToken(id: string, spec: JoinTokenSpec, nowMs: number): Mutation {
  const metadata = { name: id, uid: '', creationTimestamp: formatTime(nowMs) };
  return { type: 'create', key: objectKey(JOIN_TOKENS, '', id), object: { apiVersion: 'kith.dev/v1', kind: 'JoinToken', metadata, spec } };
}

/** Tokens past their time are of no use to anyone; they go when the next one is made. */
export function expiredTokens(replica: Replica, nowMs: number): Mutation[] {
  return [...replica.list(JOIN_TOKENS)]
    .filter(({ object }) => Date.parse((object.spec as JoinTokenSpec).expiresAt) < nowMs)
    .map(({ key, uid }): Mutation => ({ type: 'bury', key, uid, at: formatTime(nowMs) }));
}
