import { decode } from 'cborg';
import { KithError } from '../errors.ts';
import { encodeDeterministic } from './cbor.ts';
import { mapOf, text, wireInvalid } from './fields.ts';
import type { Fields } from './fields.ts';
import { MAX_CLUSTER_CHARS, MAX_PEER_CHARS, MAX_STREAM_MESSAGE_BYTES } from './limits.ts';

/**
 * The frame of every message about desired state: deterministic CBOR (RFC 8949, 4.2.1) of {v, cluster, from, kind, body}. The table of kinds is in
 * `protocol/README.md`, golden bytes in `test/golden`.
 */
export const WIRE_VERSION = 1;
const MAX_KIND_CHARS = 64;

export interface WireMessage {
  cluster: string;
  /** Peer id of the author. Over gossip that is not the peer which passed it on. */
  from: string;
  kind: string;
  body: Fields;
}

/** Deterministic: equal messages have equal bytes. `undefined` members are left out. */
export function encodeMessage(message: WireMessage): Uint8Array {
  const { cluster, from, kind, body } = message;
  return encodeDeterministic({ v: WIRE_VERSION, cluster, from, kind, body });
}

/**
 * @throws KithError `WireOversize` | `WireInvalid` (garbage) | `WireVersion` (a version that this peer does not speak) | `WireCluster` (of another cluster)
 */
export function decodeMessage(raw: Uint8Array, cluster: string, maxBytes: number = MAX_STREAM_MESSAGE_BYTES): WireMessage {
  if (raw.byteLength > maxBytes) throw new KithError('WireOversize', `a message of ${raw.byteLength} bytes; at most ${maxBytes} are taken`);
  const fields = mapOf(decodeCbor(raw), 'the message');
  if (fields['v'] !== WIRE_VERSION) {
    throw new KithError(
      'WireVersion',
      `a message of wire version ${String(fields['v']).slice(0, 20)}; this peer speaks ${WIRE_VERSION}: upgrade the older one`,
    );
  }
  const message = {
    cluster: text(fields, 'cluster', MAX_CLUSTER_CHARS),
    from: text(fields, 'from', MAX_PEER_CHARS),
    kind: text(fields, 'kind', MAX_KIND_CHARS),
    body: mapOf(fields['body'], 'the body'),
  };
  if (message.cluster !== cluster) {
    throw new KithError('WireCluster', `a message of cluster ${message.cluster} reached a peer of cluster ${cluster}`, {
      from: message.from,
    });
  }
  return message;
}

function decodeCbor(raw: Uint8Array): unknown {
  try {
    return decode(raw, {
      strict: true,
      rejectDuplicateMapKeys: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false,
    });
  } catch (cause) {
    // A deep nesting ends as a RangeError of the stack, which is one more kind of garbage.
    throw new KithError(wireInvalid('').code, 'malformed message: not CBOR as this wire version has it', {}, { cause });
  }
}

/** @throws KithError `WireKind` when the message is of another kind than was asked for. */
export function expectKind(message: WireMessage, kind: string): Fields {
  if (message.kind !== kind) {
    throw new KithError('WireKind', `a message of kind ${JSON.stringify(message.kind)} where ${JSON.stringify(kind)} was expected`, {
      from: message.from,
    });
  }
  return message.body;
}
