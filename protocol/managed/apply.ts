import { KithError } from '../errors.ts';
import type { Schema } from '../schema/schema.ts';
import { type FieldsOwner, isSameOwner, MAX_APPLIERS, type OwnerName, reassign } from './managers.ts';
import { childOf, type FieldPath, type FieldSet, isBelow, showPath, union, without } from './paths.ts';
import { mergeTyped, type TypedFields, typedFields, withoutFields } from './typed.ts';

/**
 * Server-side apply and the ownership of fields, as pure functions. Source: sigs.k8s.io/structured-merge-diff, merge; KEP-555.
 */

/** Identity, and what the server sets: nobody's. Source: k8s.io/apimachinery/pkg/util/managedfields/internal/stripmeta.go. */
const UNOWNED = [
  ...['f:apiVersion', 'f:kind', 'f:status', 'f:metadata'],
  ...['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'selfLink', 'managedFields'].map(metadataField),
  ...['deletionTimestamp', 'deletionGracePeriodSeconds'].map(metadataField),
];
/** Owns what was there before anyone applied. */
const BEFORE_FIRST_APPLY = 'before-first-apply';
/** Without it, `kubectl apply` of the old way is nobody's in particular. */
const NOBODY: FieldSet = new Set();

export interface Clash {
  owner: FieldsOwner;
  path: FieldPath;
}

export interface Applied {
  /** The merged object, without defaults for what was taken away. */
  merged: unknown;
  owners: FieldsOwner[];
}

export interface ApplyInput {
  schema: Schema;
  /** Undefined when there is none yet. */
  live: unknown;
  /** Only what the applier wants, without defaults. */
  configuration: unknown;
  owners: readonly FieldsOwner[] | undefined;
  name: OwnerName;
  /** Takes what others own. */
  force: boolean;
  /** RFC 3339. */
  time: string;
}

/**
 * @throws KithError `BadApply` for a configuration that can't be applied
 * @returns the clashes with other owners instead, when there are any and they are not to be overruled
 */
export function planApply(input: ApplyInput): Applied | { clashes: Clash[] } {
  const { schema, live, configuration, name, time } = input;
  const owners = input.owners ?? inherited(input);
  const before = owners.find((owner) => isSameOwner(owner, name));
  if (before === undefined && owners.filter(({ operation }) => operation === 'Apply').length >= MAX_APPLIERS) {
    throw new KithError('BadApply', `${MAX_APPLIERS} field managers apply this object already: use the name of one of them`);
  }
  const wanted = ownedFields(schema, configuration);
  const others = owners.filter((owner) => owner !== before);
  const merged = pruned(schema, mergeTyped(schema, live ?? {}, configuration), before?.fields ?? NOBODY, wanted, others);
  const { changed, removed } = compareFields(schema, live ?? {}, merged);
  const clashes = others.flatMap((owner) => [...owner.fields].filter((path) => changed.has(path)).map((path) => ({ owner, path })));
  if (clashes.length > 0 && !input.force) return { clashes };
  return { merged, owners: reassign(owners, name, wanted, union(changed, removed), time) };
}

/** Who owns what after a write that is no apply: the writer owns what it changed, and nobody what it removed. */
export function ownersAfterUpdate(input: {
  schema: Schema;
  /** Undefined for a creation. */
  live: unknown;
  next: unknown;
  owners: readonly FieldsOwner[];
  name: OwnerName;
  time: string;
}): FieldsOwner[] {
  const { schema, owners, name, time } = input;
  const { changed, removed } = compareFields(schema, input.live ?? {}, input.next);
  const before = owners.find((owner) => isSameOwner(owner, name))?.fields ?? NOBODY;
  return reassign(owners, name, without(union(before, changed), removed), union(changed, removed), time);
}

/** Fields of an object that someone can own. */
function ownedFields(schema: Schema, value: unknown): FieldSet {
  return new Set(ownable(typedFields(schema, value)).keys());
}

function ownable(fields: TypedFields): TypedFields {
  return new Map([...fields].filter(([path]) => !UNOWNED.includes(path) && !isBelow(path, 'f:status')));
}

function compareFields(schema: Schema, before: unknown, after: unknown): { changed: FieldSet; removed: FieldSet } {
  const [old, now] = [ownable(typedFields(schema, before)), ownable(typedFields(schema, after))];
  const changed = new Set([...now].filter(([path, value]) => old.get(path) !== value).map(([path]) => path));
  const removed = new Set([...old.keys()].filter((path) => !now.has(path)));
  return { changed, removed };
}

/** Takes away what this applier had applied, does not any more, and nobody else owns. */
function pruned(schema: Schema, merged: unknown, had: FieldSet, wanted: FieldSet, others: readonly FieldsOwner[]): unknown {
  const kept = others.reduce((all, owner) => union(all, owner.fields), wanted);
  const gone = without(had, kept);
  return gone.size === 0 ? merged : withoutFields(schema, merged, gone, kept);
}

/** What an object without owners has belongs to whoever wrote it before. */
function inherited({ schema, live, name, time }: ApplyInput): FieldsOwner[] {
  const fields = live === undefined ? NOBODY : ownedFields(schema, live);
  if (fields.size === 0) return [];
  return [{ manager: BEFORE_FIRST_APPLY, operation: 'Update', subresource: '', apiVersion: name.apiVersion, time, fields }];
}

function metadataField(name: string): FieldPath {
  return childOf('f:metadata', `f:${name}`);
}

/** `conflict with "kubectl-edit" using apps/v1: .spec.replicas`, and the like for several. */
export function describeClashes(clashes: readonly Clash[]): string {
  const [first] = clashes;
  if (first === undefined) return '';
  if (clashes.length === 1) return `Apply failed with 1 conflict: conflict with ${showOwner(first.owner)}: ${showPath(first.path)}`;
  const lines = [...new Set(clashes.map(({ owner }) => owner))]
    .sort((left, right) => (showOwner(left) < showOwner(right) ? -1 : 1))
    .flatMap((owner) => [
      `conflicts with ${showOwner(owner)}:`,
      ...clashes.filter((clash) => clash.owner === owner).map(({ path }) => `- ${showPath(path)}`),
    ]);
  return `Apply failed with ${clashes.length} conflicts: ${lines.join('\n')}`;
}

export function showOwner({ manager, operation, subresource, apiVersion }: OwnerName): string {
  const name = `${JSON.stringify(manager)}${subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`}`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}
