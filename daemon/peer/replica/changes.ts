import type { DocumentChanges, LostEdit, MergeResult, Mutation } from '../../../protocol/desired.ts';
import { KithError } from '../../../protocol/errors.ts';
import type { Json } from '../../../protocol/json.ts';
import { isDeeper, jsonEqual } from '../../../protocol/json.ts';
import { deriveUid, MAX_LIFE } from '../../../protocol/identity.ts';
import type { MergeUnits } from '../../../protocol/kinds/kind.ts';
import type { DesiredObject, GraveCut, GroupResource, ObjectKey, StoredObject, Tombstone } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import { isObjectKey } from '../../../protocol/wire/fields.ts';
import { MAX_ADMITTED, MAX_CHANGE_BYTES, MAX_HEADS, MAX_VALUE_DEPTH } from '../../../protocol/wire/limits.ts';
import { MEMBERS } from '../../core/cluster/membership.ts';
import { editsBetween, editsToCreate, editsToRepair, overtakenField, touchesSpec } from '../../core/desired/edits.ts';
import type { FlatFields } from '../../core/desired/fields.ts';
import { splitObject } from '../../core/desired/fields.ts';
import { bury, judgeChanges, lifeToOpen } from '../../core/desired/lives.ts';
import { lostEdits } from '../../core/desired/lost.ts';
import { deletedAt, deletedWithEarlier } from '../../core/desired/moved.ts';
import { resolveObject, type Validate } from '../../core/desired/resolve.ts';
import { compareEpochs, epochName } from '../../core/desired/epochs.ts';
import { sameHeads } from '../../core/desired/sync.ts';
import type { DocumentFields, DocumentIdentity, Documents, DocumentState, FieldEdit, RewrittenEpoch } from '../../ports/documents.ts';
import type { Entry } from './object-index.ts';
import type { Stage } from './stage.ts';

/** How changes, own and others', become entries of a stage. Nothing here writes to disk or to the index. */
export interface ChangeContext {
  clusterId: string;
  documents: Documents;
  mergeUnitsOf(resource: GroupResource): MergeUnits | undefined;
  validate: Validate;
  /** Default of the product: `openEntry`. */
  open(context: ChangeContext, identity: DocumentIdentity, saved: Uint8Array, state: DocumentState): OpenedEntry;
  /** Greatest life whose grave was forgotten. */
  floor(): number;
  actor(): string;
  /** The open life's document; undefined when it is damaged: then the object is written anew onto the life's first change. */
  documentOf(stage: Stage, entry: Entry): Promise<Uint8Array | undefined>;
  /** Peer ids of members that this one admitted; undefined while not all members are known here. */
  admittedBy(peer: string): readonly string[] | undefined;
}

/** Of an open life. */
export interface OpenedEntry {
  entry: Entry;
  desired: DesiredObject;
}

/** What one mutation did. */
export interface Applied {
  object: DesiredObject;
  changes?: DocumentChanges;
  tombstone?: Tombstone;
}

/** @throws KithError `AlreadyExists` | `NotFound` | `UidMismatch` | `Overtaken` | `Invalid` */
export async function applyMutation(context: ChangeContext, stage: Stage, mutation: Mutation): Promise<Applied> {
  switch (mutation.type) {
    case 'create':
      return create(context, stage, mutation);
    case 'update':
      return update(context, stage, mutation);
    case 'bury':
      return buryObject(context, stage, mutation);
  }
}

function create(context: ChangeContext, stage: Stage, { key, object, orMerge }: Extract<Mutation, { type: 'create' }>): Applied {
  const units = unitsOf(context, key);
  const entry = stage.entry(key);
  // What is set aside as invalid does not stand in the way of a good one.
  if (entry.life > 0 && entry.invalid === undefined && entry.desired !== undefined) {
    if (orMerge === true) return { object: entry.desired };
    throw new KithError('AlreadyExists', `${key} exists already: change it instead, or delete it first`, { key });
  }
  const fillsSlot = object.kith?.slot !== undefined;
  // Its name is never used twice: whoever makes it has not seen yet that it was there, and is gone.
  if (fillsSlot && entry.life === 0 && entry.buried > 0) throw overtaken(key, 'it was deleted since');
  const life = lifeToOpen(entry, context.floor(), fillsSlot);
  if (life > MAX_LIFE) throw new KithError('Invalid', `${key} was deleted and made again too often: choose another name`, { key });
  return edit(context, stage, { key, life, saved: undefined, edits: editsToCreate(splitObject(key, object, units)), increment: 0 });
}

async function update(context: ChangeContext, stage: Stage, mutation: Extract<Mutation, { type: 'update' }>): Promise<Applied> {
  const { key } = mutation;
  const units = unitsOf(context, key);
  const { entry, desired } = open(stage, key, mutation.uid);
  const base = splitObject(key, mutation.base, units);
  const next = splitObject(key, mutation.next, units);
  const meant = editsBetween(base, next);
  if (meant.length === 0) return { object: desired };
  // Of an object with very many fields that takes as long as all the rest.
  const current = mutation.base === desired.object ? base : splitObject(key, desired.object, units);
  const path = overtakenField(base, current, meant);
  if (path !== undefined) throw overtaken(key, `its ${path} is another since`);
  const saved = await context.documentOf(stage, entry);
  const edits = saved === undefined ? writtenAnew(current, meant) : repairOr(context, entry, saved, { base, next, meant });
  return edit(context, stage, { key, life: entry.life, epoch: entry.epoch, saved, edits, increment: touchesSpec(meant) ? 1 : 0 });
}

/** What was decided on has changed meanwhile: it is to be decided anew. */
function overtaken(key: ObjectKey, how: string): KithError {
  return new KithError('Overtaken', `${key}: ${how}; read it again`, { key });
}

/** Onto a document that was lost: everything that is shown, with the edits on it. */
function writtenAnew(shown: FlatFields, meant: readonly FieldEdit[]): FieldEdit[] {
  const fields = new Map(shown);
  for (const { path, value } of meant) {
    if (value === undefined) fields.delete(path);
    else fields.set(path, value);
  }
  return editsToCreate(fields);
}

function repairOr(
  context: ChangeContext,
  entry: Entry,
  saved: Uint8Array,
  { base, next, meant }: { base: FlatFields; next: FlatFields; meant: FieldEdit[] },
): FieldEdit[] {
  if (entry.fallback !== true) return meant;
  return editsToRepair(context.documents.read(saved).fields.keys(), base, next);
}

interface DocumentEdit {
  key: ObjectKey;
  life: number;
  epoch?: RewrittenEpoch | undefined;
  saved: Uint8Array | undefined;
  edits: readonly FieldEdit[];
  increment: number;
}

function edit(context: ChangeContext, stage: Stage, { key, life, epoch, saved, edits, increment }: DocumentEdit): Applied {
  const deep = edits.find(({ value = '' }) => isDeeper(value, MAX_VALUE_DEPTH));
  if (deep !== undefined) throw new KithError('Invalid', `${key}: ${deep.path} is nested deeper than ${MAX_VALUE_DEPTH}`, { key });
  const identity = { clusterId: context.clusterId, key, life, epoch };
  const edited = context.documents.edit(identity, saved, edits, { actor: context.actor(), increment });
  const { entry, desired } = context.open(context, identity, edited.saved, edited.state);
  if (entry.invalid !== undefined) throw new KithError('Invalid', `${key} is invalid: ${entry.invalid}`, { key });
  // The others would refuse it for ever.
  const bytes = edited.change?.byteLength ?? 0;
  if (bytes > MAX_CHANGE_BYTES) {
    const limit = `a change of ${bytes} bytes; at most ${MAX_CHANGE_BYTES} are taken at once`;
    throw new KithError('Invalid', `${key}: ${limit}: take away first what is to go, then write what is new`, { key });
  }
  stage.put(entry, edited.saved);
  if (edited.change === undefined) return { object: desired };
  const named = epoch === undefined ? {} : { epoch: epochName(epoch) };
  return { object: desired, changes: { key, life, changes: [edited.change], ...named } };
}

function buryObject(context: ChangeContext, stage: Stage, { key, uid, at }: Extract<Mutation, { type: 'bury' }>): Applied {
  const { entry, desired } = open(stage, key, uid);
  // Of a document that is damaged here nobody knows what was seen; and of too many heads no message can tell.
  const isKnown = entry.heads.length > 0 && entry.heads.length <= MAX_HEADS;
  const seen = { ...(isKnown ? { heads: entry.heads } : {}), ...cutOf(entry), ...admittedAs(context, key) };
  stage.put({ key, life: 0, buried: entry.life, heads: [], grave: { at, settled: false, ...askedFor(entry), ...seen } });
  return { object: desired, tombstone: { key, life: entry.life, at, ...seen } };
}

function cutOf({ epoch }: Entry): Pick<Tombstone, 'cut'> {
  return epoch === undefined ? {} : { cut: { epoch: epochName(epoch), heads: epoch.heads } };
}

function askedFor({ desired }: Entry): { deletedAt?: string } {
  const at = deletedAt(desired?.object);
  return at === undefined ? {} : { deletedAt: at };
}

/** Of a member that is removed: whom it had admitted. */
function admittedAs(context: ChangeContext, key: ObjectKey): Pick<Tombstone, 'admitted'> {
  const { resource, name } = parseObjectKey(key);
  const admitted = resource === MEMBERS ? context.admittedBy(name) : undefined;
  return admitted === undefined || admitted.length > MAX_ADMITTED ? {} : { admitted };
}

function open(stage: Stage, key: ObjectKey, uid: string): { entry: Entry; desired: DesiredObject } {
  const entry = stage.entry(key);
  const { desired } = entry;
  if (desired === undefined) throw new KithError('NotFound', `${key} not found`, { key });
  if (desired.uid !== uid) {
    throw new KithError('UidMismatch', `${key} is another object now (uid ${desired.uid}, not ${uid}): read it again`, {
      key,
      uid: desired.uid,
    });
  }
  return { entry, desired };
}

function unitsOf(context: ChangeContext, key: ObjectKey): MergeUnits {
  if (!isObjectKey(key)) throw new KithError('Invalid', `${JSON.stringify(key)} is no object key`, { key });
  const units = context.mergeUnitsOf(parseObjectKey(key).resource);
  if (units === undefined) throw new KithError('Invalid', `${key}: this peer does not know that kind`, { key });
  return units;
}

/** What a document shows, as an entry of the index. */
export function openEntry(context: ChangeContext, identity: DocumentIdentity, saved: Uint8Array, state: DocumentState): OpenedEntry {
  const { key, life, clusterId, epoch } = identity;
  const uid = deriveUid(clusterId, key, life);
  const readAt = (head: string): DocumentFields => context.documents.readAt(saved, [head]) ?? new Map();
  const { object, conflicts, fallback, invalid } = resolveObject({ key, uid, state, validate: guardedValidate(context), readAt });
  const desired: DesiredObject = { key, life, uid, object, heads: state.heads, conflicts };
  const entry: Entry = {
    key,
    life,
    buried: life - 1,
    heads: state.heads,
    desired,
    ...(invalid === undefined ? {} : { invalid }),
    ...(fallback ? { fallback } : {}),
    ...(epoch === undefined ? {} : { epoch }),
    history: { changes: state.changes, bytes: saved.byteLength },
  };
  return { entry, desired };
}

/** A validation that breaks on what a peer sent finds it invalid. */
function guardedValidate({ validate }: ChangeContext): Validate {
  return (object: StoredObject) => {
    try {
      return validate(object);
    } catch (error) {
      return `it can't be checked: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
}

/** Reasons of `refused` that say that the sender is behind, not wrong. */
export const REASON_BURIED = 'buried';

/** Never throws for what a peer sent: what can't be taken is listed in `result`. */
export async function applyRemoteChanges(
  context: ChangeContext,
  stage: Stage,
  incoming: DocumentChanges,
  result: MergeResult,
): Promise<void> {
  const { key, life } = incoming;
  const refuse = (reason: string): void => void result.refused.push({ key, reason });
  if (!isObjectKey(key) || !Number.isSafeInteger(life) || life < 1 || life > MAX_LIFE) return refuse('not an object key and life');
  const held = stage.entry(key);
  const verdict = judgeChanges(held, life);
  if (verdict === 'buried') return refuse(REASON_BURIED);
  try {
    const merged = await mergeInto(context, stage, verdict === 'merge' ? held : undefined, incoming);
    if (merged === 'missing') return void result.missing.push(key);
    if (merged === 'same') return;
    const { entry, desired } = context.open(context, merged.identity, merged.saved, merged.state);
    if (showsSame(held, entry)) return stage.putQuietly(entry, merged.saved);
    stage.put(entry, merged.saved, merged.lost);
    result.changed += 1;
    const next = verdict === 'supersede' && entry.invalid === undefined ? deletedWithEarlier(held, desired) : undefined;
    // Others hear of it as of any edit: when peers compare.
    if (next !== undefined) await applyMutation(context, stage, { type: 'update', key, uid: desired.uid, base: desired.object, next });
  } catch (error) {
    // A pod that has no room for the mark as well stays as it was merged.
    if (error instanceof KithError && error.code === 'Invalid') return;
    if (!isDocumentError(error)) throw error;
    refuse(error.message);
  }
}

type Merged = { identity: DocumentIdentity; saved: Uint8Array; state: DocumentState; lost?: LostEdit[] } | 'missing' | 'same';

/** Into the open life, or as a new one. Of two epochs of a document the later one counts, with what the earlier one has beyond it. */
async function mergeInto(context: ChangeContext, stage: Stage, held: Entry | undefined, incoming: DocumentChanges): Promise<Merged> {
  const { key, life, epoch: named, origin } = incoming;
  const { clusterId, documents } = context;
  const age = compareEpochs(named, held?.epoch);
  // Its sender makes it again once it has what we have.
  if (age < 0) return 'missing';
  if (age > 0 && origin === undefined) return 'missing';
  const epoch = age === 0 ? held?.epoch : named && origin && { ...named, ...origin };
  const identity: DocumentIdentity = { clusterId, key, life, epoch };
  const saved = held === undefined ? undefined : await context.documentOf(stage, held);
  const merged = documents.merge(identity, age === 0 ? saved : undefined, incoming);
  if (merged.missing) return 'missing';
  if (age === 0 || saved === undefined) return merged.changed ? { identity, ...merged } : 'same';
  const old = { identity: { clusterId, key, life, epoch: held?.epoch }, saved };
  const carried = documents.carryOver(old, { identity, saved: merged.saved });
  const lost = carried.isTooOld ? lostEdits(carried.state.fields, documents.read(saved).fields) : [];
  return { identity, ...carried, lost };
}

/** Whether nobody who looks at the object sees that its document is another. */
export function showsSame(before: Entry, after: Entry): boolean {
  const [left, right] = [before.desired, after.desired];
  if (compareEpochs(before.epoch, after.epoch) === 0 || left === undefined || right === undefined || before.life !== after.life)
    return false;
  if (before.invalid !== after.invalid) return false;
  const told = ({ object, conflicts }: DesiredObject): Json[] => [
    object as Json,
    ...conflicts.map(({ path, winner, losers }) => [path, winner, [...losers]]),
  ];
  return jsonEqual(told(left), told(right));
}

/** What `Documents` throws for bytes that it can't take. */
function isDocumentError(error: unknown): error is KithError {
  return error instanceof KithError && String(error.code).startsWith('Document');
}

export async function applyTombstone(context: ChangeContext, stage: Stage, tombstone: Tombstone, result: MergeResult): Promise<void> {
  const { key, life, ...told } = tombstone;
  if (!isObjectKey(key) || !Number.isSafeInteger(life) || life < 1 || life > MAX_LIFE) {
    result.refused.push({ key, reason: 'not an object key and life' });
    return;
  }
  const held = stage.entry(key);
  const state = bury(held, life);
  if (held.life === 0 && held.buried === life) joinGraves(stage, held, tombstone, result);
  // An open life beyond the grave says as much itself.
  if (state === undefined || state.life > 0) return;
  const lost = held.life === life ? await lostWith(context, stage, held, tombstone) : [];
  const grave = { ...told, ...(held.life === life ? askedFor(held) : {}), settled: false };
  stage.put({ key, ...state, heads: [], grave }, undefined, lost);
  result.changed += 1;
}

/**
 * Two removed a member at the same moment, and one had not seen yet whom it had let in. Whom either did not see is no member: only what becomes less is the same for all in the
 * end, as nobody takes back that a host was turned out.
 */
function joinGraves(stage: Stage, held: Entry, { admitted }: Tombstone, result: MergeResult): void {
  const { grave } = held;
  if (grave === undefined || admitted === undefined) return;
  const both = grave.admitted?.filter((peer) => admitted.includes(peer)) ?? admitted;
  if (both.length === grave.admitted?.length) return;
  stage.put({ ...held, grave: { ...grave, admitted: both, settled: false } });
  result.changed += 1;
}

/** What of the open life goes with a deletion whose author had not seen it. Nothing, where that can not be known: then it may have seen all that is. */
async function lostWith(context: ChangeContext, stage: Stage, held: Entry, { heads = [], cut }: Tombstone): Promise<LostEdit[]> {
  if (held.invalid !== undefined || heads.length === 0 || sameHeads(held.heads, [...heads].sort())) return [];
  const saved = await context.documentOf(stage, held);
  if (saved === undefined) return [];
  try {
    const { documents } = context;
    const seen = documents.readAt(saved, heads) ?? documents.readAt(saved, seenAtLeast(held, heads, cut));
    return seen === undefined ? [] : lostEdits(seen, documents.read(saved).fields);
  } catch (error) {
    if (!isDocumentError(error)) throw error;
    return [];
  }
}

/** Of a document that was cut between the two: what the author of a deletion had seen of it for certain, in terms of the one that is here. */
function seenAtLeast({ epoch }: Entry, heads: readonly string[], cut: GraveCut | undefined): readonly string[] {
  if (epoch !== undefined && sameHeads(epoch.heads, [...heads].sort())) return [epoch.root];
  const age = compareEpochs(cut?.epoch, epoch);
  // Nobody cuts what not all members hold.
  if (age < 0 && epoch !== undefined) return [epoch.root];
  return age > 0 && cut?.epoch.number === (epoch?.number ?? 0) + 1 ? cut.heads : UNKNOWN;
}

/** No document has it. */
const UNKNOWN = ['00'.repeat(32)];
