/**
 * Whether a host may join: pure judgement of its request by the tokens and members of the desired state. It never writes; who admits does.
 */
import { joinRequestMac, joinSigningBytes, macsEqual, parseMemberSpec } from '../../../protocol/joining.ts';
import type { JoinRefusal, JoinRefusalCode, JoinRequest } from '../../../protocol/joining.ts';
import type { JoinTokenSpec, MemberSpec } from '../../../protocol/types.ts';
import { checkDnsSubdomain } from '../../../protocol/values/names.ts';
import { WIRE_VERSION } from '../../../protocol/version.ts';
import type { VerifySignature } from '../../ports/identity.ts';

export type JoinVerdict<T> = { accepted: T } | { refused: JoinRefusal };

export interface JoinFacts {
  /** The token that the request names, from the desired state. */
  token: JoinTokenSpec | undefined;
  /** Peer id of another request with this token that is just being admitted. */
  underWay: string | undefined;
  members: readonly MemberSpec[];
  /** Keying material of the request's TLS session. */
  exporter: Uint8Array;
  /** Milliseconds since 1970. */
  now: number;
  verify: VerifySignature;
}

const BEAT_KEY = /^[A-Za-z0-9_-]{43}$/;
const TOKEN_ID = /^[a-z0-9]{4,32}$/;

export function parseJoinRequest(body: unknown): JoinVerdict<JoinRequest> {
  if (typeof body !== 'object' || body === null) return refuse('Malformed', 'the join request is no JSON object');
  const { version, token, member, signature, mac } = body as Record<keyof JoinRequest, unknown>;
  if (version !== WIRE_VERSION) {
    return refuse(
      'UnknownVersion',
      `this cluster speaks version ${WIRE_VERSION} of the peers' protocol and the joining kithd speaks ${describe(version)}: install the same release on both`,
    );
  }
  const spec = parseMemberSpec(member);
  if (!isShortText(token) || !TOKEN_ID.test(token) || !isShortText(signature) || !isShortText(mac) || !spec) {
    return refuse('Malformed', 'the join request lacks a field, or one of its fields is too long');
  }
  return { accepted: { version, token, member: spec, signature, mac } };
}

/** The secret first: who does not know it learns nothing of the token. The same peer may use its token again, if the answer got lost. */
export function judgeJoinRequest(request: JoinRequest, facts: JoinFacts): JoinVerdict<MemberSpec> {
  const { token, exporter, now, underWay } = facts;
  const { member } = request;
  if (!token)
    return refuse('UnknownToken', 'this cluster has no such token: it may have expired or been deleted; print a new one with "kith token"');
  const { mac, ...claim } = request;
  if (!macsEqual(mac, joinRequestMac(Buffer.from(token.secret, 'base64url'), exporter, claim))) {
    return refuse('WrongSecret', "the token's secret is wrong, or somebody sits between the hosts: copy the whole token again");
  }
  if (!facts.verify(member.peerId, joinSigningBytes(exporter, request), Buffer.from(request.signature, 'base64url'))) {
    return refuse('WrongSignature', `the request is not signed by the key of peer ${member.peerId}`);
  }
  const expiresAt = Date.parse(token.expiresAt);
  if (!(now < expiresAt)) {
    return refuse(
      'TokenExpired',
      `the token expired at ${token.expiresAt} (this cluster's clock says ${new Date(now).toISOString()}): print a new one with "kith token"`,
    );
  }
  const user = token.usedBy ?? underWay;
  if (user !== undefined && user !== member.peerId) {
    return refuse('TokenUsed', `the token was used already, by peer ${user}: a token lets one host in; print a new one with "kith token"`);
  }
  return judgeMember(member, facts.members);
}

function judgeMember(member: MemberSpec, members: readonly MemberSpec[]): JoinVerdict<MemberSpec> {
  const wrong = checkDnsSubdomain(member.nodeName)[0];
  if (wrong !== undefined)
    return refuse('BadName', `the node name "${member.nodeName}" cannot be used: ${wrong}; choose one with --node-name`);
  if (!BEAT_KEY.test(member.beatKey)) return refuse('Malformed', 'the beat key of the joining peer is none');
  if (member.peerAddresses.length === 0) return refuse('Malformed', 'the joining peer has no address at which others reach it');
  const holder = members.find(({ nodeName }) => nodeName === member.nodeName);
  if (holder && holder.peerId !== member.peerId) {
    return refuse(
      'NameTaken',
      `a node named "${member.nodeName}" is a member already (peer ${holder.peerId}): choose another name with --node-name, or remove the old one first with "kith delete node ${member.nodeName}"`,
    );
  }
  return { accepted: member };
}

export function refuse(code: JoinRefusalCode, reason: string): { refused: JoinRefusal } {
  return { refused: { code, reason } };
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 128;
}

function describe(version: unknown): string {
  return typeof version === 'number' ? String(version) : 'none';
}
