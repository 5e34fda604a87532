import type { ChangeEnvelope, DocumentChanges, DocumentEpoch, EpochClock, EpochOrigin, ReplicaVersion } from '../desired.ts';
import type { GraveCut, Tombstone } from '../objects.ts';
import { bytes, hashBytes, hashHex, integer, key, life, list, mapOf, text, wireInvalid } from './fields.ts';
import type { Fields } from './fields.ts';
import {
  MAX_ADMITTED,
  MAX_CHANGE_BYTES,
  MAX_DOCUMENT_CHANGES,
  MAX_ENVELOPE_DOCUMENTS,
  MAX_ENVELOPE_ID_CHARS,
  MAX_EPOCH_AUTHORS,
  MAX_HEADS,
  MAX_PAST_EPOCHS,
  MAX_STREAM_MESSAGE_BYTES,
  MAX_VERSIONS,
  MAX_VERSIONS_BYTES,
} from './limits.ts';

/** RFC 3339 with whole seconds has 20 characters; empty when nobody knows. */
const MAX_TIME_CHARS = 40;
const MAX_PEER_ID_CHARS = 128;
/** 16 random bytes, and up to 32 that tell an author's changes of one epoch from those of others. */
const MAX_ACTOR_BYTES = 64;

/** Body of `changes`. */
export function changesBody(envelope: ChangeEnvelope): Fields {
  return {
    id: envelope.id,
    changes: envelope.changes.map(({ key, life, changes, document, epoch, origin }) => ({
      key,
      life,
      changes,
      document,
      epoch: epoch && epochBody(epoch),
      origin: origin && originBody(origin),
    })),
    tombstones: envelope.tombstones.map(({ key, life, at, heads, cut, admitted }) => ({
      key,
      life,
      at,
      heads: heads?.map(hashBytes),
      cut: cut && { epoch: epochBody(cut.epoch), heads: cut.heads.map(hashBytes) },
      admitted,
    })),
  };
}

/** @throws KithError `WireInvalid` */
export function changesOf(body: Fields): ChangeEnvelope {
  return {
    id: text(body, 'id', MAX_ENVELOPE_ID_CHARS),
    changes: list(body, 'changes', MAX_ENVELOPE_DOCUMENTS).map((item) => documentChanges(mapOf(item, 'a document'))),
    tombstones: list(body, 'tombstones', MAX_ENVELOPE_DOCUMENTS).map((item) => tombstone(mapOf(item, 'a tombstone'))),
  };
}

function documentChanges(fields: Fields): DocumentChanges {
  const opened = life(fields, 'life');
  if (opened === 0) throw wireInvalid('a document of life 0');
  const changes = list(fields, 'changes', MAX_DOCUMENT_CHANGES).map((change) => bytes(change, 'a change', MAX_CHANGE_BYTES));
  const document = fields['document'] === undefined ? undefined : bytes(fields['document'], 'document', MAX_STREAM_MESSAGE_BYTES);
  return {
    key: key(fields, 'key'),
    life: opened,
    changes,
    ...(document === undefined ? {} : { document }),
    ...(fields['epoch'] === undefined ? {} : { epoch: epochOf(mapOf(fields['epoch'], 'an epoch')) }),
    ...(fields['origin'] === undefined ? {} : { origin: originOf(mapOf(fields['origin'], 'an origin')) }),
  };
}

function epochBody({ number, changes, root }: DocumentEpoch): Fields {
  return { number, changes, root: hashBytes(root) };
}

function epochOf(fields: Fields): DocumentEpoch {
  const number = integer(fields, 'number', Number.MAX_SAFE_INTEGER);
  if (number === 0) throw wireInvalid('an epoch of number 0');
  return { number, changes: integer(fields, 'changes', Number.MAX_SAFE_INTEGER), root: hashHex(fields['root'], 'a root') };
}

function originBody({ heads, clock, past }: EpochOrigin): Fields {
  return {
    heads: heads.map(hashBytes),
    clock: clockBody(clock),
    past: past?.map(({ root, clock: earlier }) => ({ root: hashBytes(root), clock: clockBody(earlier) })),
  };
}

function originOf(fields: Fields): EpochOrigin {
  const origin = {
    heads: list(fields, 'heads', MAX_HEADS).map((head) => hashHex(head, 'a head')),
    clock: clockOf(fields),
  };
  if (fields['past'] === undefined) return origin;
  // A later release may remember more.
  const items = list(fields, 'past', MAX_HEADS).slice(0, MAX_PAST_EPOCHS);
  const past = items.map((item) => {
    const epoch = mapOf(item, 'an earlier epoch');
    return { root: hashHex(epoch['root'], 'a root'), clock: clockOf(epoch) };
  });
  return { ...origin, past };
}

function clockBody(clock: EpochClock): readonly Fields[] {
  return clock.map(([actor, sequence]) => ({ actor: Uint8Array.from(Buffer.from(actor, 'hex')), sequence }));
}

function clockOf(fields: Fields): EpochClock {
  return list(fields, 'clock', MAX_EPOCH_AUTHORS).map((item) => {
    const author = mapOf(item, 'an author');
    const actor = Buffer.from(bytes(author['actor'], 'an actor', MAX_ACTOR_BYTES)).toString('hex');
    return [actor, integer(author, 'sequence', Number.MAX_SAFE_INTEGER)];
  });
}

function tombstone(fields: Fields): Tombstone {
  const buried = life(fields, 'life');
  if (buried === 0) throw wireInvalid('a tombstone of life 0');
  const grave: Tombstone = { key: key(fields, 'key'), life: buried, at: text(fields, 'at', MAX_TIME_CHARS) };
  if (fields['heads'] !== undefined) grave.heads = list(fields, 'heads', MAX_HEADS).map((head) => hashHex(head, 'a head'));
  if (fields['cut'] !== undefined) grave.cut = graveCut(mapOf(fields['cut'], 'a cut'));
  if (fields['admitted'] !== undefined) grave.admitted = list(fields, 'admitted', MAX_ADMITTED).map(peerId);
  return grave;
}

function graveCut(fields: Fields): GraveCut {
  const heads = list(fields, 'heads', MAX_HEADS).map((head) => hashHex(head, 'a head'));
  return { epoch: epochOf(mapOf(fields['epoch'], 'an epoch')), heads };
}

function peerId(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_PEER_ID_CHARS) throw wireInvalid('a peer id that is none');
  return value;
}

export function versionsBody(versions: readonly ReplicaVersion[]): readonly Fields[] {
  return versions.map(({ key, life, buried, heads, epoch, settled }) => ({
    key,
    life,
    buried,
    heads: heads.map(hashBytes),
    epoch: epoch && epochBody(epoch),
    settled: settled ? true : undefined,
  }));
}

/** @throws KithError `WireInvalid` */
export function versionsOf(body: Fields, name: string): ReplicaVersion[] {
  return list(body, name, MAX_VERSIONS).map((item) => {
    const fields = mapOf(item, 'a version');
    const version: ReplicaVersion = {
      key: key(fields, 'key'),
      life: life(fields, 'life'),
      buried: life(fields, 'buried'),
      heads: list(fields, 'heads', MAX_HEADS).map((head) => hashHex(head, 'a head')),
    };
    if (fields['epoch'] !== undefined) version.epoch = epochOf(mapOf(fields['epoch'], 'an epoch'));
    return fields['settled'] === true ? { ...version, settled: true } : version;
  });
}

/** A hash, with the head of its byte string. */
const HASH_ROOM = 34;
const EPOCH_BYTES = 80;

/** At most what a document adds to an encoded envelope. */
export function documentBytes({ key, changes, document, epoch, origin }: DocumentChanges): number {
  const overhead =
    64 + Buffer.byteLength(key) + (document?.byteLength ?? 0) + (epoch === undefined ? 0 : EPOCH_BYTES) + originBytes(origin);
  return changes.reduce((sum, change) => sum + change.byteLength + 8, overhead);
}

function originBytes(origin: EpochOrigin | undefined): number {
  if (origin === undefined) return 0;
  const past = (origin.past ?? []).reduce((sum, { clock }) => sum + 64 + clockBytes(clock), 0);
  return 32 + origin.heads.length * HASH_ROOM + clockBytes(origin.clock) + past;
}

function clockBytes(clock: EpochClock): number {
  return clock.reduce((sum, [actor]) => sum + 32 + actor.length / 2, 16);
}

/** At most what a tombstone adds to an encoded envelope. */
export function tombstoneBytes({ key, at, heads = [], cut, admitted = [] }: Tombstone): number {
  const cutBytes = cut === undefined ? 0 : 32 + EPOCH_BYTES + cut.heads.length * HASH_ROOM;
  const overhead = 64 + Buffer.byteLength(key) + Buffer.byteLength(at) + heads.length * HASH_ROOM + cutBytes;
  return admitted.reduce((sum, peer) => sum + peer.length + 2, overhead);
}

/** At most what a version adds to an encoded list. */
export function versionBytes({ key, heads, epoch }: ReplicaVersion): number {
  return 64 + Buffer.byteLength(key) + heads.length * HASH_ROOM + (epoch === undefined ? 0 : EPOCH_BYTES);
}

/** How many of these, from the first on, one list has room for: at least one. */
export function fittingVersions(versions: readonly ReplicaVersion[], maxItems = MAX_VERSIONS): number {
  let bytes = 0;
  const end = versions.findIndex((version, index) => index >= maxItems || (bytes += versionBytes(version)) > MAX_VERSIONS_BYTES);
  return end < 0 ? versions.length : Math.max(1, end);
}

/**
 * Cuts an envelope into parts of at most about `maxBytes`; what is larger alone is a part of its own. A single part keeps the envelope as it is; of several,
 * the ids are `ID.0`, `ID.1` and so on.
 */
export function splitEnvelope(envelope: ChangeEnvelope, maxBytes: number): ChangeEnvelope[] {
  const parts: Omit<ChangeEnvelope, 'id'>[] = [];
  let part: Omit<ChangeEnvelope, 'id'> = { changes: [], tombstones: [] };
  let size = 0;
  const room = (wanted: number): void => {
    if (size > 0 && (size + wanted > maxBytes || part.changes.length + part.tombstones.length >= MAX_ENVELOPE_DOCUMENTS)) {
      parts.push(part);
      part = { changes: [], tombstones: [] };
      size = 0;
    }
    size += wanted;
  };
  for (const grave of envelope.tombstones) {
    room(tombstoneBytes(grave));
    part.tombstones.push(grave);
  }
  for (const changes of envelope.changes) {
    room(documentBytes(changes));
    part.changes.push(changes);
  }
  if (parts.length === 0) return [envelope];
  parts.push(part);
  return parts.map((piece, index) => ({ id: `${envelope.id}.${index}`, ...piece }));
}
