import type { ManifestFileRow } from '../../../protocol/answers.ts';
import type { Mutation } from '../../../protocol/desired.ts';
import { jsonEqual } from '../../../protocol/json.ts';
import { objectKey, parseObjectKey } from '../../../protocol/objects.ts';
import type { Binding, DesiredObject, ObjectKey, StoredObject } from '../../../protocol/objects.ts';
import { formatFieldErrors } from '../../../protocol/schema/field-errors.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { Now } from '../decisions.ts';
import { planDeletion } from '../deletion.ts';
import { serviceNumbers } from '../network/service-range.ts';
import { giveServiceAddresses } from '../network/service-addresses.ts';
import { admitNew, refuseChange, type ManifestRules } from './admit.ts';
import { appliedFrom, contentHash, declarationsOf, declare, undeclare } from './declarations.ts';
import type { DeclaredObject, ReadFile } from './read.ts';
import { changedObject, newObject } from './write.ts';

export interface ManifestInput {
  /** Our peer id. */
  self: string;
  /** Every file of the folder that could be read, good or bad. */
  files: readonly ReadFile[];
  /** Files that are there but not to be read yet: what they declared stays. */
  settling: readonly string[];
  /** Objects that a file of this peer declares, by what they remember. */
  declared: readonly DesiredObject[];
  view: ClusterIndex;
  isMember(peer: string): boolean;
  nodeIsMember(node: string): boolean;
  binding(node: string): Binding;
  /** Whether this peer has seen the file with its own eyes, so that its absence means that somebody removed it. */
  sawBefore(path: string): boolean;
}

/** What a file's content asks to be written: all of it or nothing. */
export interface ManifestStep {
  file: string;
  mutations: Mutation[];
  reasons: string[];
}

export interface ManifestPlan {
  steps: ManifestStep[];
  rows: ManifestFileRow[];
}

/**
 * From a folder of files to writes. A file that is bad, or whose result would be, changes nothing. What no file here says any more is deleted only when no other
 * member's file says it, and only when this peer saw the file before. Fields that the file did not change stay as others set them.
 */
export function planManifests(input: ManifestInput, now: Now): ManifestPlan {
  const claims = claimsOf(input.files);
  const rules = rulesOf(input);
  const plan: ManifestPlan = { steps: [], rows: [] };
  const renamed = new Set<ObjectKey>();
  for (const file of inOrder(input.files)) {
    const { step, row } = planFile(input, rules, file, claims, renamed, now);
    if (step.mutations.length > 0) plan.steps.push(step);
    plan.rows.push(row);
  }
  for (const path of input.settling) plan.rows.push({ file: path, state: 'waiting', message: 'it is still being written', objects: [] });
  planRemovals(input, claims, renamed, now, plan);
  plan.rows.sort((left, right) => (left.file < right.file ? -1 : 1));
  return plan;
}

/** Which file declares a key: the first by path. */
function claimsOf(files: readonly ReadFile[]): Map<ObjectKey, string> {
  const claims = new Map<ObjectKey, string>();
  for (const { path, objects } of [...files].sort((left, right) => (left.path < right.path ? -1 : 1))) {
    for (const { key } of objects) if (!claims.has(key)) claims.set(key, path);
  }
  return claims;
}

/** Files that make namespaces come first. */
function inOrder(files: readonly ReadFile[]): ReadFile[] {
  const rank = (file: ReadFile): number => (file.objects.some((object) => object.kind.kind === 'Namespace') ? 0 : 1);
  return [...files].sort((left, right) => rank(left) - rank(right) || (left.path < right.path ? -1 : 1));
}

function rulesOf({ view, files }: ManifestInput): ManifestRules {
  const declared = (key: ObjectKey): DeclaredObject | undefined =>
    files.flatMap(({ objects }) => objects).find((object) => object.key === key);
  const namespace = (name: string): ReturnType<ManifestRules['namespace']> => {
    const key = objectKey('namespaces', '', name);
    return view.get(key)?.object ?? declared(key)?.draft;
  };
  return { view, namespace, ledger: new Map() };
}

function planFile(
  input: ManifestInput,
  rules: ManifestRules,
  file: ReadFile,
  claims: ReadonlyMap<ObjectKey, string>,
  renamed: Set<ObjectKey>,
  now: Now,
): { step: ManifestStep; row: ManifestFileRow } {
  const step: ManifestStep = { file: file.path, mutations: [], reasons: [] };
  const objects = file.objects.map((object) => object.key);
  const fail = (message: string): { step: ManifestStep; row: ManifestFileRow } => ({
    step: { ...step, mutations: [] },
    row: { file: file.path, state: 'failed', message, objects },
  });
  if (file.problem !== undefined) return fail(file.problem);
  const notes: string[] = [];
  const touched: ObjectKey[] = [];
  for (const object of file.objects) {
    const other = claims.get(object.key);
    if (other !== undefined && other !== file.path) return fail(`${object.at}: ${object.key} is declared by ${other} already`);
    const result = planObject(input, rules, file.path, object, claims, now);
    if ('problem' in result) return fail(`${object.at}: ${result.problem}`);
    if (result.waits !== undefined) notes.push(result.waits);
    if (result.mutation === undefined) continue;
    step.mutations.push(result.mutation);
    step.reasons.push(result.reason);
    touched.push(object.key);
  }
  for (const key of touched) renamed.add(key);
  const warnings = file.objects.flatMap((object) => object.warnings);
  const state = notes.length > 0 ? 'waiting' : 'applied';
  return { step, row: { file: file.path, state, message: [...notes, ...new Set(warnings)].join('; '), objects } };
}

type ObjectPlan = { problem: string } | { mutation?: Mutation; reason: string; waits?: string };

function planObject(
  input: ManifestInput,
  rules: ManifestRules,
  path: string,
  object: DeclaredObject,
  claims: ReadonlyMap<ObjectKey, string>,
  now: Now,
): ObjectPlan {
  const { key, value } = object;
  const current = input.view.get(key);
  if (current === undefined) {
    const missing = missingNamespace(input, object, claims);
    if (missing !== undefined) return { problem: missing };
    const made = admitNew(
      rules,
      object,
      newObject(object, (node) => input.binding(node), now.wall),
    );
    if (typeof made === 'string') return { problem: made };
    const refused = giveAddresses(input, key, made, undefined);
    if (refused !== undefined) return { problem: refused };
    const created = declare(made, input.self, path, value);
    return { mutation: { type: 'create', key, object: created }, reason: `create ${key}` };
  }
  if (current.object.metadata.deletionTimestamp !== undefined) {
    return { reason: 'it is being deleted', waits: `${key} is being deleted; it is made again once it is gone` };
  }
  const own = declarationsOf(current.object).filter((declaration) => declaration.peer === input.self);
  const mine = own.find((declaration) => declaration.path === path);
  const moved = own.filter((declaration) => declaration.path !== path && !isUnread(input, declaration.path));
  if (mine?.hash === contentHash(value) && moved.length === 0) return { reason: 'nothing changed' };
  const base =
    appliedFrom(current.object, path) ?? moved.map((old) => appliedFrom(current.object, old.path)).find((old) => old !== undefined);
  const changed = mine?.hash === contentHash(value) ? current.object : changedObject(object, base ?? {}, current);
  if (typeof changed === 'string') return { problem: changed };
  const isChange = changed !== current.object;
  const refused = isChange
    ? (giveAddresses(input, key, changed, current.object) ?? refuseChange(rules, object, changed, current.object))
    : undefined;
  if (refused !== undefined) return { problem: refused };
  let next = declare(changed, input.self, path, value);
  for (const old of moved) next = undeclare(next, input.self, old.path);
  if (jsonEqual(next, current.object)) return { reason: 'nothing changed' };
  return { mutation: { type: 'update', key, uid: current.uid, base: current.object, next }, reason: `update ${key}` };
}

/** @returns why a Service can't have the addresses that it asks for. */
function giveAddresses(input: ManifestInput, key: ObjectKey, object: StoredObject, before: StoredObject | undefined): string | undefined {
  if (parseObjectKey(key).resource !== 'services') return undefined;
  const others = input.view.list('services').filter((other) => other.key !== key);
  const errors = giveServiceAddresses(
    object,
    before,
    others.map((other) => other.object),
    serviceNumbers(input.view),
  );
  return errors.length === 0 ? undefined : formatFieldErrors(errors);
}

/** Why a new object has no namespace to be in; one that this folder declares will do. */
function missingNamespace(input: ManifestInput, object: DeclaredObject, claims: ReadonlyMap<ObjectKey, string>): string | undefined {
  if (!object.kind.namespaced) return undefined;
  const { namespace = '' } = object.draft.metadata;
  const key = objectKey('namespaces', '', namespace);
  const there = input.view.get(key);
  if (there === undefined) return claims.has(key) ? undefined : `namespaces ${JSON.stringify(namespace)} not found`;
  return there.object.metadata.deletionTimestamp === undefined ? undefined : `namespace ${namespace} is being terminated`;
}

/** It is there, and what it says is not known now. */
function isUnread(input: ManifestInput, path: string): boolean {
  return input.settling.includes(path) || input.files.some((file) => file.path === path && file.problem !== undefined);
}

/** What a file of this peer declared once, and none does now. */
function planRemovals(
  input: ManifestInput,
  claims: ReadonlyMap<ObjectKey, string>,
  renamed: ReadonlySet<ObjectKey>,
  now: Now,
  plan: ManifestPlan,
): void {
  const missed = new Map<string, ObjectKey[]>();
  for (const target of input.declared) {
    // Its file is there, or its new one has taken it over in this very plan.
    if (claims.has(target.key) || renamed.has(target.key)) continue;
    const declarations = declarationsOf(target.object).filter(({ peer }) => peer === input.self || input.isMember(peer));
    const own = declarations.filter((declaration) => declaration.peer === input.self);
    const gone = own.filter(({ path }) => !isUnread(input, path));
    for (const { path } of gone.filter((each) => !input.sawBefore(each.path))) missed.set(path, [...(missed.get(path) ?? []), target.key]);
    const removed = gone.filter(({ path }) => input.sawBefore(path));
    const [first] = removed;
    if (first === undefined) continue;
    const held = declarations.some((declaration) => !removed.includes(declaration));
    const step = removal(
      input,
      target,
      removed.map((each) => each.path),
      held,
      now,
    );
    if (step.mutations.length > 0) plan.steps.push({ file: first.path, ...step });
  }
  for (const [file, objects] of missed) plan.rows.push({ file, state: 'waiting', message: NOT_SEEN, objects });
}

const NOT_SEEN =
  'declared by this peer before, but not in the folder since the daemon started: nothing is deleted for that. Put the file back, or delete the objects with kith delete';

function removal(
  input: ManifestInput,
  target: DesiredObject,
  paths: readonly string[],
  held: boolean,
  now: Now,
): { mutations: Mutation[]; reasons: string[] } {
  const { key, uid, object } = target;
  if (held) {
    const next = paths.reduce((before, path) => undeclare(before, input.self, path), object);
    return { mutations: [{ type: 'update', key, uid, base: object, next }], reasons: [`${key} is still declared elsewhere`] };
  }
  const { mutations, reason } = planDeletion({ nodeIsMember: (node) => input.nodeIsMember(node) }, target, {}, now.wall);
  return { mutations, reasons: [`delete ${key}: its file is gone; ${reason}`] };
}
