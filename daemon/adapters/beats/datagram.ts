import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { decode, encode } from 'cborg';
import type { BeatState } from '../../ports/beats.ts';
import { LIVENESS_WIRE_VERSION } from '../../../protocol/liveness.ts';

/**
 * A liveness datagram:
 *
 *     0      version
 *     1      kind: 1 beat, 2 probe, 3 answer
 *     2-9    sender: first 8 bytes of SHA-256 of its peer id
 *     10-15  incarnation, big endian
 *     16-21  sequence, grows with every datagram of the sender
 *     22-29  nonce: a probe's, repeated by its answer; zeros in a beat
 *     30-    body: CBOR of the state in a beat, else nothing
 *     last 16  HMAC-SHA256 of all the above under the pair's key, truncated (RFC 2104, section 5)
 */
export const TAG_BYTES = 8;
export const NONCE_BYTES = 8;
const HEADER_BYTES = 30;
const MAC_BYTES = 16;
/** Below what any path carries unfragmented. */
export const MAX_DATAGRAM_BYTES = 1_200;
const MAX_SUSPECTS = 8;
const MAX_PEER_CHARS = 128;

export type DatagramKind = 'beat' | 'probe' | 'answer';
const KINDS: readonly DatagramKind[] = ['beat', 'probe', 'answer'];

export interface Datagram {
  kind: DatagramKind;
  incarnation: number;
  sequence: number;
  /** Hex. */
  nonce: string;
  body: Buffer;
}

export const NO_NONCE = '00'.repeat(NONCE_BYTES);

/** Hex. */
export function senderTag(peer: string): string {
  return createHash('sha256').update(peer).digest().subarray(0, TAG_BYTES).toString('hex');
}

export function sealDatagram(tag: string, key: Uint8Array, datagram: Omit<Datagram, 'body'> & { body: Uint8Array }): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + datagram.body.byteLength + MAC_BYTES);
  bytes[0] = LIVENESS_WIRE_VERSION;
  bytes[1] = KINDS.indexOf(datagram.kind) + 1;
  bytes.write(tag, 2, 'hex');
  bytes.writeUIntBE(datagram.incarnation, 10, 6);
  bytes.writeUIntBE(datagram.sequence, 16, 6);
  bytes.write(datagram.nonce, 22, 'hex');
  bytes.set(datagram.body, HEADER_BYTES);
  mac(key, bytes).copy(bytes, bytes.length - MAC_BYTES);
  return bytes;
}

/** The tag of who says that it sent this, or undefined when it is no datagram of ours. */
export function claimedSender(bytes: Buffer): string | undefined {
  if (bytes.length < HEADER_BYTES + MAC_BYTES || bytes.length > MAX_DATAGRAM_BYTES || bytes[0] !== LIVENESS_WIRE_VERSION) return undefined;
  return bytes.toString('hex', 2, 2 + TAG_BYTES);
}

/** Undefined when the MAC is wrong or the kind unknown. Call `claimedSender` first: it checks the length. */
export function openDatagram(key: Uint8Array, bytes: Buffer): Datagram | undefined {
  if (!timingSafeEqual(mac(key, bytes), bytes.subarray(bytes.length - MAC_BYTES))) return undefined;
  const kind = KINDS[(bytes[1] ?? 0) - 1];
  if (kind === undefined) return undefined;
  return {
    kind,
    incarnation: bytes.readUIntBE(10, 6),
    sequence: bytes.readUIntBE(16, 6),
    nonce: bytes.toString('hex', 22, HEADER_BYTES),
    body: bytes.subarray(HEADER_BYTES, bytes.length - MAC_BYTES),
  };
}

function mac(key: Uint8Array, bytes: Buffer): Buffer {
  return createHmac('sha256', key)
    .update(bytes.subarray(0, bytes.length - MAC_BYTES))
    .digest()
    .subarray(0, MAC_BYTES);
}

export function encodeBeatBody(state: BeatState): Uint8Array {
  const suspects = state.suspects.slice(0, MAX_SUSPECTS).map(({ peer, incarnation }) => [peer, incarnation]);
  return encode({ term: state.term, leader: state.leader, lag: Math.round(state.lagMs), suspects });
}

/** Undefined when it is no beat's body. Unknown fields are ignored. */
export function decodeBeatBody(incarnation: number, body: Uint8Array): BeatState | undefined {
  let value: unknown;
  try {
    value = decode(body, { strict: true, rejectDuplicateMapKeys: true });
  } catch {
    return undefined;
  }
  if (value === null || typeof value !== 'object') return undefined;
  const { term, leader, lag, suspects } = value as Record<string, unknown>;
  if (!isNatural(term) || !isPeerText(leader) || !isNatural(lag) || !Array.isArray(suspects) || suspects.length > MAX_SUSPECTS)
    return undefined;
  const accused: BeatState['suspects'] = [];
  for (const suspect of suspects as unknown[]) {
    if (!Array.isArray(suspect)) return undefined;
    const [peer, ofIncarnation] = suspect as unknown[];
    if (!isPeerText(peer) || !isNatural(ofIncarnation)) return undefined;
    accused.push({ peer, incarnation: ofIncarnation });
  }
  return { incarnation, term, leader, lagMs: lag, suspects: accused };
}

function isNatural(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isPeerText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_PEER_CHARS;
}
