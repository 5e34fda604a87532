import { createHash } from 'node:crypto';
import * as Automerge from '@automerge/automerge';
import { KithError } from '../../../protocol/errors.ts';
import { canonicalJson } from '../../../protocol/json.ts';
import type {
  DocumentFields,
  DocumentIdentity,
  Documents,
  DocumentState,
  EditedDocument,
  EditOptions,
  FieldEdit,
  IncomingChanges,
  MergedDocument,
} from '../../ports/documents.ts';
import { checkedHash } from './chunk.ts';

type Flat = Record<string, Automerge.ImmutableString | Automerge.Counter>;
type Document = Automerge.Doc<Flat>;

/** Where the counter lives: the only field that is not a text. */
const COUNTER_PATH = '/metadata/generation';
/** Automerge stamps changes with the wall clock unless told; nothing is decided by it, and equal histories shall have equal hashes. */
const CHANGE_TIME = 0;
/** The actor of first changes and hashes of documents are part of every replica: golden bytes in `test/golden` hold them. */
const GENESIS_LABEL = 'kith document 1';
const ROOT = '_root';
/** For documents that are only read or merged: no change is ever made under it. Without one Automerge draws random bytes. */
const READER = '00'.repeat(16);

/**
 * Automerge as a codec. Values are `ImmutableString`s: a plain string would be a text of single characters. Whatever Automerge throws (also its panics and bare
 * strings) becomes a KithError here.
 */
export class AutomergeDocuments implements Documents {
  readonly #hot = new HotDocuments();

  edit(identity: DocumentIdentity, saved: Uint8Array | undefined, edits: readonly FieldEdit[], options: EditOptions): EditedDocument {
    return guarded(identity, () =>
      this.#hot.use(identity, saved ?? genesis(identity).saved, options.actor, (document) => {
        const before = Automerge.getHeads(document);
        const changed = Automerge.change(document, { time: CHANGE_TIME }, (draft) => {
          for (const { path, value } of edits) {
            if (value === undefined) delete draft[path];
            else draft[path] = new Automerge.ImmutableString(value);
          }
          const counter = draft[COUNTER_PATH];
          if (options.increment > 0 && Automerge.isCounter(counter)) counter.increment(options.increment);
        });
        const change = sameHeads(before, Automerge.getHeads(changed)) ? undefined : Automerge.getLastLocalChange(changed);
        const result = { saved: Automerge.save(changed), state: stateOf(changed), change };
        return { result, document: changed };
      }),
    );
  }

  merge(identity: DocumentIdentity, saved: Uint8Array | undefined, incoming: IncomingChanges): MergedDocument {
    const hashes = incoming.changes.map(checkedHash);
    return guarded(identity, () =>
      this.#hot.use(identity, saved ?? genesis(identity).saved, undefined, (document, held) => {
        // The same change comes several ways: saving costs more than all the rest.
        if (incoming.document === undefined && Automerge.hasHeads(document, hashes)) {
          return { result: { saved: held, state: stateOf(document), changed: false, missing: false }, document };
        }
        const before = Automerge.getHeads(document);
        const whole = incoming.document === undefined ? document : mergeWhole(document, incoming.document, identity);
        const [after] = Automerge.applyChanges(whole, [...incoming.changes]);
        const missing = Automerge.getMissingDeps(after, []).length > 0;
        const changed = !sameHeads(before, Automerge.getHeads(after));
        return { result: { saved: Automerge.save(after), state: stateOf(after), changed, missing }, document: after };
      }),
    );
  }

  changesSince(identity: DocumentIdentity, saved: Uint8Array, heads: readonly string[], maxBytes: number): IncomingChanges {
    return guarded(identity, () =>
      withDocument(saved, READER, (document) => {
        const known = heads.filter((head) => Automerge.hasHeads(document, [head]));
        if (known.length === 0 && saved.byteLength <= maxBytes) return { changes: [], document: saved };
        const changes: Uint8Array[] = [];
        let size = 0;
        for (const change of Automerge.getChangesSince(document, known.length === 0 ? [genesis(identity).head] : known)) {
          if (changes.length > 0 && size + change.byteLength > maxBytes) break;
          changes.push(change);
          size += change.byteLength;
        }
        return { changes };
      }),
    );
  }

  read(saved: Uint8Array): DocumentState {
    return guarded(undefined, () => withDocument(saved, READER, stateOf));
  }

  readAt(saved: Uint8Array, heads: readonly string[]): DocumentFields | undefined {
    return guarded(undefined, () =>
      withDocument(saved, READER, (document) => (Automerge.hasHeads(document, [...heads]) ? fieldsOf(document, [...heads]) : undefined)),
    );
  }
}

/** The first change of a life, equal at every peer: without a common root two documents would not merge field by field. */
export function genesis(identity: DocumentIdentity): { saved: Uint8Array; head: string } {
  const label = canonicalJson([GENESIS_LABEL, identity.clusterId, identity.key, identity.life]);
  const actor = createHash('sha256').update(label, 'utf8').digest('hex').slice(0, 32);
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

function mergeWhole(document: Document, incoming: Uint8Array, identity: DocumentIdentity): Document {
  return withDocument(incoming, READER, (other) => {
    if (!Automerge.hasHeads(other, [genesis(identity).head])) {
      throw new KithError('DocumentForeign', `a document sent for ${identity.key}, life ${identity.life}, has another beginning`);
    }
    return Automerge.merge(document, other);
  });
}

/** Documents kept loaded: about 90 KB each. */
const MAX_HOT = 32;
/** Saved bytes above which a document is not kept. */
const MAX_HOT_BYTES = 64 * 1_024;

interface HotDocument {
  saved: Uint8Array;
  actor: string;
  document: Document;
}

/**
 * The documents changed last stay loaded, since what changes now will most likely change again: to load one costs more the longer its history is. What is on
 * disk decides: a document is taken only if it was saved as the very bytes that the caller holds.
 */
class HotDocuments {
  readonly #documents = new Map<string, HotDocument>();

  /** `actor` undefined: only to merge, under any actor. `work` answers with the document as it is afterwards. If it throws, the document is dropped. */
  use<Result extends { saved: Uint8Array }>(
    identity: DocumentIdentity,
    saved: Uint8Array,
    actor: string | undefined,
    work: (document: Document, saved: Uint8Array) => { result: Result; document: Document },
  ): Result {
    const name = canonicalJson([identity.clusterId, identity.key, identity.life]);
    const held = this.#documents.get(name);
    this.#documents.delete(name);
    const fits = held !== undefined && (actor === undefined || held.actor === actor) && Buffer.compare(held.saved, saved) === 0;
    if (held !== undefined && !fits) release(held.document);
    const author = fits ? held.actor : (actor ?? READER);
    const before = fits ? held.document : Automerge.load<Flat>(saved, { actor: author });
    try {
      const { result, document } = work(before, saved);
      this.#keep(name, { saved: result.saved, actor: author, document });
      return result;
    } catch (error) {
      release(before);
      throw error;
    }
  }

  #keep(name: string, hot: HotDocument): void {
    if (hot.saved.byteLength > MAX_HOT_BYTES) return release(hot.document);
    this.#documents.set(name, hot);
    if (this.#documents.size <= MAX_HOT) return;
    for (const [oldest, { document }] of this.#documents) {
      this.#documents.delete(oldest);
      return release(document);
    }
  }
}

function withDocument<Result>(saved: Uint8Array, actor: string, use: (document: Document) => Result): Result {
  const document = Automerge.load<Flat>(saved, { actor });
  try {
    return use(document);
  } finally {
    release(document);
  }
}

function release(document: Document): void {
  try {
    Automerge.free(document);
  } catch {
    // After a panic the document can't be freed; a finalizer does it later.
  }
}

function stateOf(document: Document): DocumentState {
  const counter: unknown = document[COUNTER_PATH];
  return {
    heads: [...Automerge.getHeads(document)].sort(),
    fields: fieldsOf(document),
    counter: Automerge.isCounter(counter) ? counter.value : 1,
  };
}

/** `getConflicts` of a view answers for the present, so the values of the past are asked of the backend. */
function fieldsOf(document: Document, heads?: string[]): DocumentFields {
  const backend = Automerge.getBackend(document);
  const fields = new Map<string, readonly string[]>();
  for (const path of backend.keys(ROOT, heads)) {
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

/** Automerge's own order of operations: `COUNTER@ACTOR`, a Lamport clock; the last is the one it would show. */
function compareOperations(left: string, right: string): number {
  const counterOf = (operation: string): number => Number(operation.slice(0, operation.indexOf('@')));
  return counterOf(left) - counterOf(right) || (left < right ? -1 : 1);
}

function sameHeads(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && [...left].sort().join() === [...right].sort().join();
}

function guarded<Result>(identity: DocumentIdentity | undefined, run: () => Result): Result {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof KithError) throw cause;
    const about = identity === undefined ? 'a document' : `the document of ${identity.key}, life ${identity.life}`;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KithError('DocumentInvalid', `Automerge refuses ${about}: ${why}`, { ...identity }, { cause });
  }
}
