/**
 * The words of joining, over HTTPS on the API port. Both sides prove that they know the token's secret, in MACs bound to the TLS session (RFC 5705 exporter), so
 * that nobody in the middle can pass one on. The joiner also signs with its peer key: nobody joins under another's peer id.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from './json.ts';
import type { MemberSpec } from './types.ts';
import { WIRE_VERSION } from './version.ts';

export const JOIN_PATH = '/kith.dev/v1/join';
/** Label and length of the keying material both sides take from the TLS session. */
export const JOIN_EXPORTER_LABEL = 'EXPORTER-kith-join';
export const JOIN_EXPORTER_BYTES = 32;
export const MAX_JOIN_REQUEST_BYTES = 64 * 1024;
/** Answers list all members. */
export const MAX_JOIN_ANSWER_BYTES = 8 * 1024 * 1024;
export const MAX_MEMBER_ADDRESSES = 16;
export const MAX_MEMBER_ADDRESS_LENGTH = 300;

export interface JoinRequest {
  version: number;
  /** Id of the token. */
  token: string;
  /** What the joiner wants to be; who admits it fills in `admittedBy`. */
  member: MemberSpec;
  /** By the peer key, base64url. */
  signature: string;
  /** Base64url. */
  mac: string;
}

export interface JoinAnswer {
  version: number;
  clusterId: string;
  /** PEM. */
  caCertificate: string;
  /** PEM: every member can issue certificates. */
  caKey: string;
  /** All members, the new one included. */
  members: MemberSpec[];
  /** Base64url. */
  mac: string;
}

export interface JoinRefusal {
  code: JoinRefusalCode;
  /** A sentence for the person at the joining host. */
  reason: string;
}

export type JoinRefusalCode =
  | 'Malformed'
  | 'UnknownVersion'
  | 'TooManyAttempts'
  | 'UnknownToken'
  | 'WrongSecret'
  | 'WrongSignature'
  | 'TokenExpired'
  | 'TokenUsed'
  | 'BadName'
  | 'NameTaken'
  | 'Unavailable';

/** What the peer key signs. */
export function joinSigningBytes(exporter: Uint8Array, request: Pick<JoinRequest, 'token' | 'member' | 'version'>): Uint8Array {
  return tagged('kith join request v1', exporter, requestText(request));
}

export function joinRequestMac(secret: Uint8Array, exporter: Uint8Array, request: Omit<JoinRequest, 'mac'>): string {
  return mac(secret, tagged('kith join request mac v1', exporter, requestText(request), request.signature));
}

/** Bound to the request by its MAC. */
export function joinAnswerMac(secret: Uint8Array, exporter: Uint8Array, requestMac: string, answer: Omit<JoinAnswer, 'mac'>): string {
  const { version, clusterId, caCertificate, caKey, members } = answer;
  return mac(
    secret,
    tagged('kith join answer mac v1', exporter, requestMac, canonicalJson({ version, clusterId, caCertificate, caKey, members })),
  );
}

export function macsEqual(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left, 'base64url'), Buffer.from(right, 'base64url')];
  return one.byteLength > 0 && one.byteLength === other.byteLength && timingSafeEqual(one, other);
}

/** The request, signed and with its MAC. */
export function proveJoinRequest(
  token: { id: string; secret: Uint8Array },
  exporter: Uint8Array,
  member: MemberSpec,
  sign: (bytes: Uint8Array) => Uint8Array,
): JoinRequest {
  const claim = { version: WIRE_VERSION, token: token.id, member };
  const signature = Buffer.from(sign(joinSigningBytes(exporter, claim))).toString('base64url');
  return { ...claim, signature, mac: joinRequestMac(token.secret, exporter, { ...claim, signature }) };
}

/** A member's spec from the wire, bounded and with known fields only; undefined when it is none. */
export function parseMemberSpec(value: unknown): MemberSpec | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { peerId, nodeName, beatKey, admittedBy, peerAddresses, beatAddresses, apiAddresses } = value as Record<keyof MemberSpec, unknown>;
  if (!isText(peerId, 128) || !isText(nodeName, 253) || !isText(beatKey, 64) || !isText(admittedBy, 128)) return undefined;
  if (!isAddressList(peerAddresses) || !isAddressList(beatAddresses) || !isAddressList(apiAddresses)) return undefined;
  return { peerId, nodeName, peerAddresses, beatAddresses, apiAddresses, beatKey, admittedBy };
}

function requestText({ version, token, member }: Pick<JoinRequest, 'token' | 'member' | 'version'>): string {
  return canonicalJson({ version, token, member });
}

/** Each part goes in with its length, so that no two lists of parts give the same bytes. */
function tagged(...parts: (string | Uint8Array)[]): Uint8Array {
  const pieces = parts.flatMap((part) => {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.byteLength);
    return [length, bytes];
  });
  return Buffer.concat(pieces);
}

function mac(secret: Uint8Array, bytes: Uint8Array): string {
  return createHmac('sha256', secret).update(bytes).digest('base64url');
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength;
}

function isAddressList(value: unknown): value is string[] {
  return (
    Array.isArray(value) && value.length <= MAX_MEMBER_ADDRESSES && value.every((address) => isText(address, MAX_MEMBER_ADDRESS_LENGTH))
  );
}
