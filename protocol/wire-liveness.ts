import { decode, encode } from 'cborg';
import { KithError } from './errors.ts';
import type { AboutAnswer, LeaderAnnouncement, ProbeAnswer, ProbeRequest } from './liveness.ts';
import { LIVENESS_WIRE_VERSION } from './liveness.ts';
import { integer, mapOf, text, wireInvalid } from './wire/fields.ts';
import type { Fields } from './wire/fields.ts';
import { MAX_PEER_CHARS } from './wire/limits.ts';

/** A liveness message is small; more is garbage. Bytes. */
export const MAX_LIVENESS_BYTES = 2_048;
const MAX_TYPE_CHARS = 32;

export function encodeProbeRequest(message: ProbeRequest): Uint8Array {
  return encode({ v: LIVENESS_WIRE_VERSION, ...message });
}

/** @throws KithError `WireInvalid` | `WireVersion` */
export function decodeProbeRequest(bytes: Uint8Array): ProbeRequest {
  const fields = open(bytes);
  const type = text(fields, 'type', MAX_TYPE_CHARS);
  if (type === 'about') return { type, peer: peerId(fields, 'peer'), probe: fields['probe'] === true };
  if (type === 'ping') return ping(fields);
  throw wireInvalid(`unknown liveness request ${JSON.stringify(type)}`);
}

export function encodeProbeAnswer(message: ProbeAnswer): Uint8Array {
  return encode({ v: LIVENESS_WIRE_VERSION, ...message });
}

/** @throws KithError `WireInvalid` | `WireVersion` */
export function decodeProbeAnswer(bytes: Uint8Array): ProbeAnswer {
  const fields = open(bytes);
  const type = text(fields, 'type', MAX_TYPE_CHARS);
  if (type === 'about') return about(fields);
  if (type === 'ping') return ping(fields);
  throw wireInvalid(`unknown liveness answer ${JSON.stringify(type)}`);
}

export function encodeAnnouncement(announced: LeaderAnnouncement): Uint8Array {
  return encode({ v: LIVENESS_WIRE_VERSION, term: announced.term, leader: announced.leader });
}

/** @throws KithError `WireInvalid` | `WireVersion` */
export function decodeAnnouncement(bytes: Uint8Array): LeaderAnnouncement {
  return announcement(open(bytes));
}

function open(bytes: Uint8Array): Fields {
  if (bytes.byteLength > MAX_LIVENESS_BYTES) throw wireInvalid(`a liveness message of ${bytes.byteLength} bytes`);
  const fields = mapOf(decodeCbor(bytes), 'a liveness message');
  if (fields['v'] !== LIVENESS_WIRE_VERSION) {
    throw new KithError(
      'WireVersion',
      `a liveness message of version ${String(fields['v']).slice(0, 20)}; this peer speaks ${LIVENESS_WIRE_VERSION}`,
    );
  }
  return fields;
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { strict: true, rejectDuplicateMapKeys: true, allowIndefinite: false, allowUndefined: false });
  } catch (cause) {
    throw new KithError('WireInvalid', 'malformed message: a liveness message is no CBOR', {}, { cause });
  }
}

function ping(fields: Fields): ProbeRequest & ProbeAnswer {
  return {
    type: 'ping',
    incarnation: natural(fields, 'incarnation'),
    knownIncarnation: natural(fields, 'knownIncarnation'),
    accused: fields['accused'] === null ? null : natural(fields, 'accused'),
    announcement: announcement(mapOf(fields['announcement'], 'announcement')),
  };
}

function about(fields: Fields): AboutAnswer {
  return {
    type: 'about',
    incarnation: natural(fields, 'incarnation'),
    heardAgoMs: fields['heardAgoMs'] === null ? null : natural(fields, 'heardAgoMs'),
    kernel: fields['kernel'] === null ? null : kernel(mapOf(fields['kernel'], 'kernel')),
  };
}

function kernel(fields: Fields): NonNullable<AboutAnswer['kernel']> {
  const answer = text(fields, 'answer', MAX_TYPE_CHARS);
  if (answer !== 'refused' && answer !== 'accepted') throw wireInvalid('kernel.answer is unknown');
  return { answer, agoMs: natural(fields, 'agoMs') };
}

function announcement(fields: Fields): LeaderAnnouncement {
  return { term: natural(fields, 'term'), leader: text(fields, 'leader', MAX_PEER_CHARS) };
}

function natural(fields: Fields, name: string): number {
  return integer(fields, name, Number.MAX_SAFE_INTEGER);
}

function peerId(fields: Fields, name: string): string {
  const value = text(fields, name, MAX_PEER_CHARS);
  if (value === '') throw wireInvalid(`${name} is empty`);
  return value;
}
