import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../protocol/json.ts';
import type { Json, JsonObject } from '../../../protocol/json.ts';
import type { StoredObject } from '../../../protocol/objects.ts';

/**
 * What an object remembers of the manifest files that declare it, as facts of its own (so that the declaration lives and dies with it):
 * `manifest-file/PEER/PATH` -> hash of what that peer's file says; `manifest-applied/PATH` -> what was applied last from the file of that path, on whichever peer.
 * The same path on two peers is one declaration, held by two.
 */
const FILE_PREFIX = 'manifest-file/';
const APPLIED_PREFIX = 'manifest-applied/';

export interface Declaration {
  peer: string;
  path: string;
  hash: string;
}

export function declarationsOf(object: StoredObject): Declaration[] {
  const declarations: Declaration[] = [];
  for (const [name, value] of Object.entries(object.kith?.facts ?? {})) {
    if (!name.startsWith(FILE_PREFIX) || typeof value !== 'string') continue;
    const rest = name.slice(FILE_PREFIX.length);
    const slash = rest.indexOf('/');
    if (slash > 0) declarations.push({ peer: rest.slice(0, slash), path: rest.slice(slash + 1), hash: value });
  }
  return declarations;
}

/** What the file of that path said when it was last applied. */
export function appliedFrom(object: StoredObject, path: string): JsonObject | undefined {
  const value = object.kith?.facts?.[`${APPLIED_PREFIX}${path}`];
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined;
}

export function declare(object: StoredObject, peer: string, path: string, value: JsonObject): StoredObject {
  const facts: Record<string, Json> = { ...object.kith?.facts };
  facts[`${FILE_PREFIX}${peer}/${path}`] = contentHash(value);
  facts[`${APPLIED_PREFIX}${path}`] = value;
  return { ...object, kith: { ...object.kith, facts } };
}

/** Takes a peer's declaration back; and what was applied, when no other peer holds that path. */
export function undeclare(object: StoredObject, peer: string, path: string): StoredObject {
  const facts: Record<string, Json> = { ...object.kith?.facts };
  delete facts[`${FILE_PREFIX}${peer}/${path}`];
  const held = declarationsOf({ ...object, kith: { facts } }).some((declaration) => declaration.path === path);
  if (!held) delete facts[`${APPLIED_PREFIX}${path}`];
  return { ...object, kith: { ...object.kith, facts } };
}

export function contentHash(value: JsonObject): string {
  return createHash('sha256').update(canonicalJson(value), 'utf8').digest('hex').slice(0, 16);
}
