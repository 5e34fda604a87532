import { createHash } from 'node:crypto';
import * as Automerge from '@automerge/automerge';
import { canonicalJson } from '../../../protocol/json.ts';
import type { DocumentFields, DocumentIdentity, DocumentState } from '../../ports/documents.ts';

/** What all our documents have in common: flat, one beginning, texts and one counter. */

export type Flat = Record<string, Automerge.ImmutableString | Automerge.Counter>;
export type Document = Automerge.Doc<Flat>;

/** Where the counter lives: the only field that is not a text. */
export const COUNTER_PATH = '/metadata/generation';
/** Automerge stamps changes with the wall clock unless told; nothing is decided by it, and equal histories shall have equal hashes. */
export const CHANGE_TIME = 0;
/** The actor of first changes and hashes of documents are part of every replica: golden bytes in `test/golden` hold them. */
const GENESIS_LABEL = 'kith document 1';
const ROOT = '_root';
/** For documents that are only read or merged: no change is ever made under it. Without one Automerge draws random bytes. */
export const READER = '00'.repeat(16);

/** The first change of a life, or of an epoch of it, equal at every peer: without a common root two documents would not merge field by field. */
export function genesis(identity: DocumentIdentity): { saved: Uint8Array; head: string } {
  const actor = createHash('sha256').update(genesisLabel(identity), 'utf8').digest('hex').slice(0, 32);
  const empty = Automerge.init<Flat>(actor);
  const document = Automerge.change(empty, { time: CHANGE_TIME }, (draft) => {
    draft[COUNTER_PATH] = new Automerge.Counter(1);
  });
  try {
    return { saved: Automerge.save(document), head: Automerge.getHeads(document)[0] ?? '' };
  } finally {
    release(document);
  }
}

/** What only a document of this life and epoch begins with. */
export function genesisLabel({ clusterId, key, life, epoch }: DocumentIdentity): string {
  return canonicalJson([GENESIS_LABEL, clusterId, key, life, ...(epoch === undefined ? [] : [epoch.number, [...epoch.heads]])]);
}

export function withDocument<Result>(saved: Uint8Array, actor: string, use: (document: Document) => Result): Result {
  const document = Automerge.load<Flat>(saved, { actor });
  try {
    return use(document);
  } finally {
    release(document);
  }
}

export function release(document: Document): void {
  try {
    Automerge.free(document);
  } catch {
    // After a panic the document can't be freed; a finalizer does it later.
  }
}

export function stateOf(document: Document): DocumentState {
  return {
    heads: [...Automerge.getHeads(document)].sort(),
    fields: fieldsOf(document),
    counter: counterOf(document),
    changes: Automerge.stats(document).numChanges,
  };
}

export function counterOf(document: Document): number {
  const counter: unknown = document[COUNTER_PATH];
  return Automerge.isCounter(counter) ? counter.value : 1;
}

/** From so many fields on it is looked up at once which are in conflict: to ask of each costs three times as much. */
const MANY_FIELDS = 64;

/** `getConflicts` of a view answers for the present, so the values of the past are asked of the backend. */
export function fieldsOf(document: Document, heads?: string[]): DocumentFields {
  const backend = Automerge.getBackend(document);
  const fields = new Map<string, readonly string[]>();
  const paths = backend.keys(ROOT, heads);
  const conflicts = heads === undefined && paths.length >= MANY_FIELDS ? conflictsOf(document) : undefined;
  for (const path of paths) {
    if (conflicts?.has(path) === false) {
      const value: unknown = document[path];
      if (Automerge.isImmutableString(value)) fields.set(path, [value.val]);
      continue;
    }
    const texts: { operation: string; text: string }[] = [];
    for (const [type, value, operation] of backend.getAll(ROOT, path, heads)) {
      // Anything but a text is nothing that a peer of ours wrote; it is left out, at every peer alike.
      if (type === 'str' && operation !== undefined) texts.push({ operation, text: value });
    }
    texts.sort((left, right) => compareOperations(left.operation, right.operation));
    if (texts.length > 0) {
      fields.set(
        path,
        texts.map(({ text }) => text),
      );
    }
  }
  return fields;
}

/** Paths that have several values at once. */
function conflictsOf(document: Document): ReadonlySet<string> {
  const patches = Automerge.diff(document, [], Automerge.getHeads(document));
  const found = patches.filter((patch) => patch.action === 'conflict' || (patch.action === 'put' && patch.conflict === true));
  return new Set(found.map(({ path }) => String(path[0])));
}

/** Automerge's own order of operations: `COUNTER@ACTOR`, a Lamport clock; the last is the one it would show. */
function compareOperations(left: string, right: string): number {
  const counterOf = (operation: string): number => Number(operation.slice(0, operation.indexOf('@')));
  return counterOf(left) - counterOf(right) || (left < right ? -1 : 1);
}
