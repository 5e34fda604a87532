import { hash } from 'node:crypto';
import { KithError } from '../../protocol/errors.ts';
import { actorIn, actorOfLate, historyAt, nextEpoch, planLate } from '../../daemon/adapters/automerge/late.ts';
import type { ChangeMeta, LateChange } from '../../daemon/adapters/automerge/late.ts';
import type {
  CarriedDocument,
  DocumentFields,
  DocumentIdentity,
  Documents,
  DocumentState,
  EditedDocument,
  EditOptions,
  FieldEdit,
  HeldDocument,
  IncomingChanges,
  MergedDocument,
  RewrittenDocument,
  RewrittenEpoch,
} from '../../daemon/ports/documents.ts';

/** The hash that names a change or a document in what travels; the rest of the bytes is there for its length. */
const NAME_BYTES = 32;
/** About what Automerge makes of it: a header, and texts that are deflated to half. */
const CHANGE_BYTES = 110;
const DOCUMENT_BYTES = 180;

/** `COUNTER@ACTOR` of Automerge: a Lamport clock. */
interface OperationId {
  counter: number;
  actor: string;
}

interface Operation {
  path: string;
  id: OperationId;
  /** Undefined removes what it names. */
  value: string | undefined;
  /** What it takes the place of. */
  replaces: readonly OperationId[];
}

interface Change {
  hash: string;
  bytes: Uint8Array;
  actor: string;
  sequence: number;
  deps: readonly string[];
  operations: readonly Operation[];
  increment: number;
  lastCounter: number;
}

/** Immutable. */
interface Document {
  identity: string;
  saved: Uint8Array;
  /** In causal order, from the first change on. */
  changes: ReadonlyMap<string, Change>;
  /** `ACTOR/SEQUENCE` to hash: one used twice would diverge for ever. */
  authors: ReadonlyMap<string, string>;
  heads: readonly string[];
  values: ReadonlyMap<string, readonly Operation[]>;
  counter: number;
  lastCounter: number;
}

/**
 * {@link Documents} without Automerge: the same documents, conflicts and histories, kept as plain objects that bytes only name, so that all peers of a process share
 * them. Ten times as fast. A property test holds it against the real one.
 */
export class LightDocuments implements Documents {
  private readonly documents = new Map<string, Document>();
  private readonly changes = new Map<string, Change>();
  /** Results of merges: each peer makes the same one. */
  private readonly merges = new Map<string, { document: Document; changed: boolean; missing: boolean }>();

  edit(identity: DocumentIdentity, saved: Uint8Array | undefined, edits: readonly FieldEdit[], options: EditOptions): EditedDocument {
    const before = saved === undefined ? this.first(identity) : this.load(saved);
    const change = this.changeIn(before, edits, { ...options, actor: actorIn(identity.epoch, options.actor) });
    if (change === undefined) return { saved: before.saved, state: stateOf(before), change: undefined };
    const after = this.keep(apply(before, [change]));
    return { saved: after.saved, state: stateOf(after), change: change.bytes };
  }

  rewrite(identity: DocumentIdentity, saved: Uint8Array, heads: readonly string[]): RewrittenDocument | undefined {
    const whole = this.load(saved);
    const history = historyAt(historyOf(whole), heads);
    if (history === undefined) return undefined;
    const { fields, counter } = stateOf(cutAt(whole, heads));
    if (fields.size === 0 || [...fields.values()].some((values) => values.length > 1)) return undefined;
    const origin = nextEpoch(identity.epoch, history, heads);
    const first = this.first({ ...identity, epoch: { ...origin, root: '' } });
    const edits = [...fields].map(([path, [value]]) => ({ path, value }));
    const root = this.changeIn(first, edits, { actor: hashOf(`${first.identity} state`).slice(0, NAME_BYTES), increment: counter - 1 });
    if (root === undefined) return undefined;
    const after = this.keep(apply(first, [root]));
    return { epoch: { ...origin, root: root.hash }, saved: after.saved, state: stateOf(after) };
  }

  carryOver(old: HeldDocument, next: HeldDocument): CarriedDocument {
    const { epoch } = next.identity;
    const before = this.load(old.saved);
    let document = this.load(next.saved);
    const same = { saved: next.saved, state: stateOf(document), changed: false, missing: false };
    if (epoch === undefined) return { ...same, isTooOld: false };
    const plan = planLate(historyOf(before), old.identity.epoch, epoch);
    if (plan === undefined) return { ...same, isTooOld: true };
    const made = new Map<string, readonly string[]>();
    for (const late of plan) {
      const actor = actorOfLate(epoch, late);
      const change = before.changes.get(late.hash);
      const there = document.authors.get(`${actor}/1`);
      const on = [...late.deps.flatMap((dep) => made.get(dep) ?? []), baseOf(late, before, document, epoch)];
      const edits = change?.operations ?? [];
      const again =
        there === undefined ? this.changeIn(cutAt(document, on), edits, { actor, increment: change?.increment ?? 0 }) : undefined;
      made.set(late.hash, there === undefined ? (again === undefined ? on : [again.hash]) : [there]);
      if (again !== undefined) document = apply(document, [again]);
    }
    const kept = this.keep(document);
    return { saved: kept.saved, state: stateOf(kept), changed: kept.saved !== next.saved, missing: false, isTooOld: false };
  }

  /** Undefined when it would change nothing. */
  private changeIn(before: Document, edits: readonly FieldEdit[], { actor, increment }: EditOptions): Change | undefined {
    const operations: Operation[] = [];
    let counter = before.lastCounter;
    for (const { path, value } of edits) {
      const held = before.values.get(path) ?? [];
      const isSame = value === undefined ? held.length === 0 : held.length === 1 && held[0]?.value === value;
      if (isSame) continue;
      counter += 1;
      operations.push({ path, value, id: { counter, actor }, replaces: held.map(({ id }) => id) });
    }
    if (increment > 0) counter += 1;
    if (counter === before.lastCounter) return undefined;
    const sequence = 1 + [...before.changes.values()].filter((change) => change.actor === actor).length;
    return this.newChange(before.identity, { actor, sequence, deps: before.heads, operations, increment, lastCounter: counter });
  }

  merge(identity: DocumentIdentity, saved: Uint8Array | undefined, incoming: IncomingChanges): MergedDocument {
    const before = saved === undefined ? this.first(identity) : this.load(saved);
    const names = [
      nameOf(before.saved),
      ...(incoming.document === undefined ? [] : [nameOf(incoming.document)]),
      '',
      ...incoming.changes.map(nameOf),
    ].join();
    let merged = this.merges.get(names);
    if (merged === undefined) {
      const whole = incoming.document === undefined ? [] : [...this.foreignChecked(before, incoming.document).changes.values()];
      const { document, missing: waits } = mergeChanges(before, [...whole, ...incoming.changes.map((bytes) => this.changeOf(bytes))]);
      const missing = waits || (identity.epoch !== undefined && !document.changes.has(identity.epoch.root));
      merged = { document: this.keep(document), changed: document !== before, missing };
      this.merges.set(names, merged);
    }
    return { saved: merged.document.saved, state: stateOf(merged.document), changed: merged.changed, missing: merged.missing };
  }

  changesSince({ epoch }: DocumentIdentity, saved: Uint8Array, heads: readonly string[], maxBytes: number): IncomingChanges {
    const document = this.load(saved);
    const known = heads.filter((head) => document.changes.has(head));
    if (known.length === 0 && saved.byteLength <= maxBytes) return { changes: [], document: saved };
    const [first = ''] = document.changes.keys();
    const have = ancestors(document, known.length === 0 ? [first] : known);
    const changes: Uint8Array[] = [];
    let size = 0;
    const isRoot = ({ hash }: Change): number => (hash === epoch?.root ? 0 : 1);
    for (const { hash, bytes } of [...document.changes.values()].sort((left, right) => isRoot(left) - isRoot(right))) {
      if (have.has(hash)) continue;
      if (changes.length > 0 && size + bytes.byteLength > maxBytes) break;
      changes.push(bytes);
      size += bytes.byteLength;
    }
    return { changes };
  }

  newest(saved: Uint8Array): readonly Uint8Array[] {
    const { heads, changes } = this.load(saved);
    return heads.flatMap((head) => changes.get(head)?.bytes ?? []);
  }

  read(saved: Uint8Array): DocumentState {
    return stateOf(this.load(saved));
  }

  readAt(saved: Uint8Array, heads: readonly string[]): DocumentFields | undefined {
    const document = this.load(saved);
    if (heads.length === 0 || !heads.every((head) => document.changes.has(head))) return undefined;
    return fieldsOf(cutAt(document, heads).values);
  }

  private first(identity: DocumentIdentity): Document {
    const { clusterId, key, life, epoch } = identity;
    const name = `${clusterId} ${key} ${life}${epoch === undefined ? '' : ` ${epoch.number} ${epoch.heads.join()}`}`;
    const content = { actor: hashOf(name).slice(0, NAME_BYTES), sequence: 1, deps: [], operations: [], increment: 0, lastCounter: 1 };
    const change = this.newChange(name, content);
    return this.keep({ ...emptyOf(name), ...beginning(change) });
  }

  private newChange(identity: string, content: Omit<Change, 'hash' | 'bytes'>): Change {
    const text = JSON.stringify([identity, content]);
    const hash = hashOf(text);
    const known = this.changes.get(hash);
    if (known !== undefined) return known;
    const length = content.operations.reduce((sum, { path, value }) => sum + path.length + (value?.length ?? 0), 0);
    const change: Change = { ...content, hash, bytes: named(hash, CHANGE_BYTES + length / 2) };
    this.changes.set(hash, change);
    return change;
  }

  private keep(document: Document): Document {
    const name = hashOf(`${document.identity}\n${document.heads.join()}`);
    const known = this.documents.get(name);
    if (known !== undefined) return known;
    let length = 0;
    for (const [path, values] of document.values) for (const { value } of values) length += path.length + (value?.length ?? 0);
    const kept = { ...document, saved: named(name, DOCUMENT_BYTES + length / 2) };
    this.documents.set(name, kept);
    return kept;
  }

  private load(saved: Uint8Array): Document {
    const document = this.documents.get(nameOf(saved));
    if (document === undefined) throw new KithError('DocumentInvalid', 'these bytes are no document');
    return document;
  }

  private changeOf(bytes: Uint8Array): Change {
    const change = this.changes.get(nameOf(bytes));
    if (change === undefined) throw new KithError('DocumentInvalid', 'these bytes are no change');
    return change;
  }

  private foreignChecked(ours: Document, saved: Uint8Array): Document {
    const theirs = this.load(saved);
    if (theirs.identity !== ours.identity)
      throw new KithError('DocumentForeign', `a document of ${theirs.identity}, not of ${ours.identity}`);
    return theirs;
  }
}

function mergeChanges(before: Document, incoming: readonly Change[]): { document: Document; missing: boolean } {
  let document = before;
  let waiting = incoming.filter(({ hash }) => !before.changes.has(hash));
  for (let progress = true; progress && waiting.length > 0;) {
    const ready = waiting.filter(({ deps }) => deps.every((dep) => document.changes.has(dep)));
    progress = ready.length > 0;
    document = apply(document, ready);
    waiting = waiting.filter(({ hash }) => !document.changes.has(hash));
  }
  return { document, missing: waiting.length > 0 };
}

function apply(before: Document, added: readonly Change[]): Document {
  if (added.length === 0) return before;
  const changes = new Map(before.changes);
  const authors = new Map(before.authors);
  const values = new Map(before.values);
  const heads = new Set(before.heads);
  let { counter, lastCounter } = before;
  for (const change of added) {
    if (changes.has(change.hash)) continue;
    const author = `${change.actor}/${change.sequence}`;
    if (authors.has(author)) throw new KithError('DocumentInvalid', `duplicate seq ${change.sequence} found for actor ${change.actor}`);
    authors.set(author, change.hash);
    changes.set(change.hash, change);
    for (const dep of change.deps) heads.delete(dep);
    heads.add(change.hash);
    for (const operation of change.operations) values.set(operation.path, withOperation(values.get(operation.path) ?? [], operation));
    counter += change.increment;
    lastCounter = Math.max(lastCounter, change.lastCounter);
  }
  return { ...before, changes, authors, values, heads: [...heads].sort(), counter, lastCounter };
}

function withOperation(held: readonly Operation[], operation: Operation): readonly Operation[] {
  const left = held.filter(({ id }) => !operation.replaces.some(({ counter, actor }) => counter === id.counter && actor === id.actor));
  if (operation.value === undefined) return left;
  return [...left, operation].sort((one, other) => one.id.counter - other.id.counter || (one.id.actor < other.id.actor ? -1 : 1));
}

function historyOf({ changes }: Document): ChangeMeta[] {
  return [...changes.values()].map(({ hash, actor, sequence, deps }) => ({ hash, actor, seq: sequence, deps }));
}

function ancestors({ changes }: Document, heads: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const queue = [...heads];
  for (let hash = queue.pop(); hash !== undefined; hash = queue.pop()) {
    if (found.has(hash)) continue;
    found.add(hash);
    queue.push(...(changes.get(hash)?.deps ?? []));
  }
  return found;
}

/** The document as it was at these heads, without what others have. */
function cutAt(document: Document, heads: readonly string[]): Document {
  const have = ancestors(document, heads);
  const [first, ...others] = [...document.changes.values()].filter(({ hash }) => have.has(hash));
  if (first === undefined) throw new KithError('DocumentInvalid', 'a document without a beginning');
  return apply({ ...emptyOf(document.identity), ...beginning(first) }, others);
}

/** What a late change is made on, besides late ones: see `rewriting.ts`. */
function baseOf(late: LateChange, old: Document, next: Document, { root }: RewrittenEpoch): string {
  const [first = ''] = next.changes.keys();
  const change = old.changes.get(late.hash);
  if (late.sawAll || change === undefined) return root;
  const [seen, held] = [cutAt(old, change.deps).values, cutAt(next, [root]).values];
  const texts = (values: Document['values'], path: string): string => JSON.stringify((values.get(path) ?? []).map(({ value }) => value));
  return change.operations.every(({ path }) => texts(seen, path) === texts(held, path)) ? root : first;
}

function emptyOf(identity: string): Document {
  return {
    identity,
    saved: new Uint8Array(0),
    changes: new Map(),
    authors: new Map(),
    heads: [],
    values: new Map(),
    counter: 1,
    lastCounter: 0,
  };
}

function beginning(change: Change): Partial<Document> {
  return {
    changes: new Map([[change.hash, change]]),
    authors: new Map([[`${change.actor}/1`, change.hash]]),
    heads: [change.hash],
    lastCounter: 1,
  };
}

/** Each peer of a simulation asks for the same ones. */
const states = new WeakMap<Document, DocumentState>();

function stateOf(document: Document): DocumentState {
  let state = states.get(document);
  if (state === undefined) {
    const { heads, values, counter, changes } = document;
    state = { heads, fields: fieldsOf(values), counter, changes: changes.size };
    states.set(document, state);
  }
  return state;
}

function fieldsOf(values: Document['values']): DocumentFields {
  const fields = new Map<string, readonly string[]>();
  const paths = [...values.keys()].filter((path) => (values.get(path)?.length ?? 0) > 0).sort();
  for (const path of paths) fields.set(path, values.get(path)?.map(({ value }) => value ?? '') ?? []);
  return fields;
}

function hashOf(text: string): string {
  return hash('sha256', text);
}

function named(hash: string, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(NAME_BYTES, Math.round(length)));
  bytes.set(Buffer.from(hash, 'hex'));
  return bytes;
}

function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(NAME_BYTES, bytes.byteLength)).toString('hex');
}
