import type { ChangeEnvelope, DocumentChanges, ReplicaVersion } from '../desired.ts';
import type { Tombstone } from '../objects.ts';
import { bytes, hashBytes, hashHex, key, life, list, mapOf, text, wireInvalid } from './fields.ts';
import type { Fields } from './fields.ts';
import {
  MAX_ADMITTED,
  MAX_CHANGE_BYTES,
  MAX_DOCUMENT_CHANGES,
  MAX_ENVELOPE_DOCUMENTS,
  MAX_ENVELOPE_ID_CHARS,
  MAX_HEADS,
  MAX_STREAM_MESSAGE_BYTES,
  MAX_VERSIONS,
} from './limits.ts';

/** RFC 3339 with whole seconds has 20 characters; empty when nobody knows. */
const MAX_TIME_CHARS = 40;
const MAX_PEER_ID_CHARS = 128;

/** Body of `changes`. */
export function changesBody(envelope: ChangeEnvelope): Fields {
  return {
    id: envelope.id,
    changes: envelope.changes.map(({ key, life, changes, document }) => ({ key, life, changes, document })),
    tombstones: envelope.tombstones.map(({ key, life, at, heads, admitted }) => ({
      key,
      life,
      at,
      heads: heads?.map(hashBytes),
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
  return { key: key(fields, 'key'), life: opened, changes, ...(document === undefined ? {} : { document }) };
}

function tombstone(fields: Fields): Tombstone {
  const buried = life(fields, 'life');
  if (buried === 0) throw wireInvalid('a tombstone of life 0');
  const grave: Tombstone = { key: key(fields, 'key'), life: buried, at: text(fields, 'at', MAX_TIME_CHARS) };
  if (fields['heads'] !== undefined) grave.heads = list(fields, 'heads', MAX_HEADS).map((head) => hashHex(head, 'a head'));
  if (fields['admitted'] !== undefined) grave.admitted = list(fields, 'admitted', MAX_ADMITTED).map(peerId);
  return grave;
}

function peerId(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_PEER_ID_CHARS) throw wireInvalid('a peer id that is none');
  return value;
}

export function versionsBody(versions: readonly ReplicaVersion[]): readonly Fields[] {
  return versions.map(({ key, life, buried, heads, settled }) => ({
    key,
    life,
    buried,
    heads: heads.map(hashBytes),
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
    return fields['settled'] === true ? { ...version, settled: true } : version;
  });
}

/** About what a document adds to an encoded envelope. */
export function documentBytes(changes: DocumentChanges): number {
  const overhead = 48;
  return changes.changes.reduce(
    (sum, change) => sum + change.byteLength + 8,
    overhead + changes.key.length + (changes.document?.byteLength ?? 0),
  );
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
    room(grave.key.length + 48);
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
