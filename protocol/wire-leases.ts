import { decode, encode } from 'cborg';
import { KithError } from './errors.ts';
import {
  leaseSettings,
  type Ballot,
  type Electorate,
  type LeaseAnswer,
  type LeaseRequest,
  type Verdict,
  type VoteRequest,
} from './leases.ts';
import { integer, list, mapOf, text, wireInvalid, type Fields } from './wire/fields.ts';
import { MAX_PEER_CHARS } from './wire/limits.ts';

export const LEASES_WIRE_VERSION = 1;
/** 500 votes of some 200 bytes. */
export const MAX_LEASES_BYTES = 512 * 1_024;
/** An owner's key and slot, or a pod's key. Characters. */
export const MAX_RESOURCE_CHARS = 700;
const MAX_UID_CHARS = 64;
const MAX_TYPE_CHARS = 32;
const MOST = Number.MAX_SAFE_INTEGER;

/** CBOR {`v`, `type`, …}; the table is in `protocol/README.md`. */
export function encodeLeaseRequest(request: LeaseRequest): Uint8Array {
  return encode({ v: LEASES_WIRE_VERSION, ...request });
}

export function encodeLeaseAnswer(answer: LeaseAnswer): Uint8Array {
  return encode({ v: LEASES_WIRE_VERSION, ...answer });
}

/** @throws KithError `WireInvalid` | `WireVersion` */
export function decodeLeaseRequest(bytes: Uint8Array): LeaseRequest {
  const fields = open(bytes);
  const type = text(fields, 'type', MAX_TYPE_CHARS);
  switch (type) {
    case 'vote': {
      const { version, incarnation } = { version: integer(fields, 'version', MOST), incarnation: integer(fields, 'incarnation', MOST) };
      return { type, version, incarnation, dry: fields['dry'] === true, votes: votes(fields, 'votes') };
    }
    case 'release':
      return { type, releases: votes(fields, 'releases') };
    case 'prepare':
      return { type, version: integer(fields, 'version', MOST), ballot: ballot(fields['ballot']) };
    case 'accept':
      return { type, version: integer(fields, 'version', MOST), ballot: ballot(fields['ballot']), members: members(fields) };
    case 'learn':
      return { type, electorate: electorate(fields['electorate']) };
    default:
      throw wireInvalid(`unknown request about leases ${JSON.stringify(type)}`);
  }
}

/** @throws KithError `WireInvalid` | `WireVersion` */
export function decodeLeaseAnswer(bytes: Uint8Array): LeaseAnswer {
  const fields = open(bytes);
  const type = text(fields, 'type', MAX_TYPE_CHARS);
  switch (type) {
    case 'verdicts': {
      const verdicts = list(fields, 'verdicts', leaseSettings.votesPerMessage).map(verdict);
      return { type, verdicts, ...(fields['incarnation'] === undefined ? {} : { incarnation: integer(fields, 'incarnation', MOST) }) };
    }
    case 'done':
    case 'stranger':
    case 'accepted':
      return { type };
    case 'newer':
      return { type, electorate: electorate(fields['electorate']) };
    case 'behind':
      return { type, version: integer(fields, 'version', MOST) };
    case 'promised': {
      if (fields['accepted'] === undefined) return { type };
      const accepted = mapOf(fields['accepted'], 'accepted');
      return { type, accepted: { ballot: ballot(accepted['ballot']), members: members(accepted) } };
    }
    case 'outbid':
      return { type, ballot: ballot(fields['ballot']) };
    case 'settling':
      return { type, leftMs: integer(fields, 'leftMs', MOST) };
    default:
      throw wireInvalid(`unknown answer about leases ${JSON.stringify(type)}`);
  }
}

function open(bytes: Uint8Array): Fields {
  if (bytes.byteLength > MAX_LEASES_BYTES) throw wireInvalid(`a message about leases of ${bytes.byteLength} bytes`);
  const fields = mapOf(decodeCbor(bytes), 'a message about leases');
  if (fields['v'] === LEASES_WIRE_VERSION) return fields;
  const spoken = String(fields['v']).slice(0, 20);
  throw new KithError('WireVersion', `a message about leases of version ${spoken}; this peer speaks ${LEASES_WIRE_VERSION}`);
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { rejectDuplicateMapKeys: true, allowUndefined: false, allowBigInt: false });
  } catch (cause) {
    throw new KithError('WireInvalid', 'malformed message: not CBOR', {}, { cause });
  }
}

function votes(fields: Fields, name: string): VoteRequest[] {
  return list(fields, name, leaseSettings.votesPerMessage).map((item) => {
    const vote = mapOf(item, 'a vote');
    return {
      resource: text(vote, 'resource', MAX_RESOURCE_CHARS),
      pod: text(vote, 'pod', MAX_UID_CHARS),
      term: integer(vote, 'term', MOST),
    };
  });
}

function verdict(item: unknown): Verdict {
  const fields = mapOf(item, 'a verdict');
  const term = integer(fields, 'term', MOST);
  if (fields['granted'] === true) return { granted: true, term };
  const why = text(fields, 'why', MAX_TYPE_CHARS);
  if (why !== 'held' && why !== 'term') throw wireInvalid(`a vote refused for ${JSON.stringify(why)}`);
  return { granted: false, term, why, leftMs: integer(fields, 'leftMs', MOST) };
}

function electorate(value: unknown): Electorate {
  const fields = mapOf(value, 'an electorate');
  return { version: integer(fields, 'version', MOST), members: members(fields) };
}

function members(fields: Fields): string[] {
  return list(fields, 'members', leaseSettings.electors).map((member) => peerId(member));
}

function ballot(value: unknown): Ballot {
  const fields = mapOf(value, 'a ballot');
  return { round: integer(fields, 'round', MOST), peer: peerId(fields['peer']), incarnation: integer(fields, 'incarnation', MOST) };
}

function peerId(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_PEER_CHARS) throw wireInvalid('a peer id that is none');
  return value;
}
