import type { Json, JsonObject } from '../json.ts';
import { isPlainObject } from '../schema/decode.ts';
import { equalSets, type FieldPath, type FieldSet, fromFieldsV1, toFieldsV1, union, without } from './paths.ts';

/** One who writes an object, and the fields that are his: an entry of `metadata.managedFields`. */
export interface FieldsOwner {
  manager: string;
  operation: 'Apply' | 'Update';
  /** Empty for the object itself. */
  subresource: string;
  apiVersion: string;
  /** RFC 3339, when the set changed last. */
  time: string | undefined;
  fields: FieldSet;
}

export type OwnerName = Pick<FieldsOwner, 'manager' | 'operation' | 'subresource' | 'apiVersion'>;

/**
 * Updaters of one object that are told apart; the oldest beyond them become one. Source: k8s.io/apimachinery/pkg/util/managedfields (MaxUpdateManagers). As managedFields are
 * desired state, which every peer holds, appliers are bounded, too.
 */
export const MAX_UPDATERS = 10;
export const MAX_APPLIERS = 50;
const OLDEST_UPDATERS = 'ancient-changes';

/** The owners that an object names; entries that can't be read are left out, as if nobody owned these fields. Undefined when none can be read. */
export function readOwners(managedFields: unknown): FieldsOwner[] | undefined {
  if (!Array.isArray(managedFields)) return undefined;
  const owners = managedFields.flatMap((entry) => readOwner(entry) ?? []);
  return owners.length === 0 ? undefined : owners;
}

function readOwner(entry: unknown): FieldsOwner | undefined {
  if (!isPlainObject(entry)) return undefined;
  const { manager, operation, subresource, apiVersion, time, fieldsType, fieldsV1 } = entry;
  const fields = fromFieldsV1(fieldsV1 as Json | undefined);
  if (typeof manager !== 'string' || typeof apiVersion !== 'string' || fields === undefined || fieldsType !== 'FieldsV1') return undefined;
  if (operation !== 'Apply' && operation !== 'Update') return undefined;
  const texts = { subresource: typeof subresource === 'string' ? subresource : '', time: typeof time === 'string' ? time : undefined };
  return { manager, operation, apiVersion, fields, ...texts };
}

/** `managedFields: [{}]` asks to forget all owners. */
export function isReset(managedFields: unknown): boolean {
  const only = Array.isArray(managedFields) && managedFields.length === 1 ? (managedFields[0] as unknown) : undefined;
  return isPlainObject(only) && Object.keys(only).length === 0;
}

/** Oldest first, as upstream sorts them. */
export function writeOwners(owners: readonly FieldsOwner[]): Json[] {
  const sorted = [...owners].sort(
    (left, right) =>
      compare(left.operation, right.operation) || compare(left.time ?? '', right.time ?? '') || compare(left.manager, right.manager),
  );
  return sorted.map(({ manager, operation, apiVersion, time, fields, subresource }): JsonObject => ({
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(fields),
    ...(subresource === '' ? {} : { subresource }),
  }));
}

export function isSameOwner(left: OwnerName, right: OwnerName): boolean {
  // An applier is the same in every version; an updater is not upstream, but here one version is stored.
  return left.manager === right.manager && left.operation === right.operation && left.subresource === right.subresource;
}

/**
 * The owners after `name` got exactly these fields, and all others lost `taken`. Who has none left is no owner any more.
 * @param time RFC 3339, for the one whose set changed
 */
export function reassign(owners: readonly FieldsOwner[], name: OwnerName, fields: FieldSet, taken: FieldSet, time: string): FieldsOwner[] {
  const before = owners.find((owner) => isSameOwner(owner, name));
  const others = owners.filter((owner) => owner !== before).map((owner) => ({ ...owner, fields: without(owner.fields, taken) }));
  const unchanged = before !== undefined && equalSets(before.fields, fields);
  const mine = unchanged ? before : { ...name, fields, time };
  return bounded([...others, mine].filter((owner) => owner.fields.size > 0));
}

function bounded(owners: FieldsOwner[]): FieldsOwner[] {
  const updaters = owners.filter(({ operation, subresource }) => operation === 'Update' && subresource === '');
  if (updaters.length <= MAX_UPDATERS) return owners;
  updaters.sort((left, right) => compare(left.time ?? '', right.time ?? ''));
  const oldest = updaters.slice(0, updaters.length - MAX_UPDATERS + 1);
  const fields = oldest.reduce<FieldSet>((all, owner) => union(all, owner.fields), new Set<FieldPath>());
  const merged: FieldsOwner = { ...(oldest.at(-1) as FieldsOwner), manager: OLDEST_UPDATERS, fields };
  return [merged, ...owners.filter((owner) => !oldest.includes(owner))];
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
