import * as Automerge from '@automerge/automerge';
import { KithError } from '../../../protocol/errors.ts';
import { canonicalJson } from '../../../protocol/json.ts';
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
} from '../../ports/documents.ts';
import { checkedHash } from './chunk.ts';
import { CHANGE_TIME, COUNTER_PATH, fieldsOf, genesis, READER, release, stateOf, withDocument } from './flat.ts';
import type { Document, Flat } from './flat.ts';
import { actorIn } from './late.ts';
import { carryOver, rewrite } from './rewriting.ts';

/**
 * Automerge as a codec. Values are `ImmutableString`s: a plain string would be a text of single characters. Whatever Automerge throws (also its panics and bare
 * strings) becomes a KithError here.
 */
export class AutomergeDocuments implements Documents {
  readonly #hot = new HotDocuments();

  edit(identity: DocumentIdentity, saved: Uint8Array | undefined, edits: readonly FieldEdit[], options: EditOptions): EditedDocument {
    return guarded(identity, () =>
      this.#hot.use(identity, saved ?? genesis(identity).saved, actorIn(identity.epoch, options.actor), (document) => {
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
        const missing = Automerge.getMissingDeps(after, []).length > 0 || lacksState(after, identity);
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
        for (const change of sinceHeads(identity, document, known)) {
          if (changes.length > 0 && size + change.byteLength > maxBytes) break;
          changes.push(change);
          size += change.byteLength;
        }
        return { changes };
      }),
    );
  }

  newest(saved: Uint8Array): readonly Uint8Array[] {
    return guarded(undefined, () =>
      withDocument(saved, READER, (document) => {
        const backend = Automerge.getBackend(document);
        return Automerge.getHeads(document).flatMap((head) => backend.getChangeByHash(head) ?? []);
      }),
    );
  }

  rewrite(identity: DocumentIdentity, saved: Uint8Array, heads: readonly string[]): RewrittenDocument | undefined {
    return guarded(identity, () => withDocument(saved, READER, (document) => rewrite(identity, document, heads)));
  }

  carryOver(old: HeldDocument, next: HeldDocument): CarriedDocument {
    return guarded(next.identity, () =>
      withDocument(old.saved, READER, (before) =>
        withDocument(next.saved, READER, (document) => {
          const heads = Automerge.getHeads(document);
          const carried = carryOver(before, old.identity.epoch, document, next.identity);
          const after = carried ?? document;
          const changed = !sameHeads(heads, Automerge.getHeads(after));
          const saved = changed ? Automerge.save(after) : next.saved;
          return { saved, state: stateOf(after), changed, missing: false, isTooOld: carried === undefined };
        }),
      ),
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

/** A rewritten document begins with its state: without that nobody takes it. */
function sinceHeads(identity: DocumentIdentity, document: Document, known: string[]): Uint8Array[] {
  const changes = Automerge.getChangesSince(document, known.length === 0 ? [genesis(identity).head] : known);
  const { epoch } = identity;
  if (known.length > 0 || epoch === undefined) return changes;
  const isRoot = (change: Uint8Array): boolean => checkedHash(change) === epoch.root;
  return [...changes.filter(isRoot), ...changes.filter((change) => !isRoot(change))];
}

function lacksState(document: Document, { epoch }: DocumentIdentity): boolean {
  return epoch !== undefined && !Automerge.hasHeads(document, [epoch.root]);
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
/** Saved bytes above which a document is not kept, … */
const MAX_HOT_BYTES = 256 * 1_024;
/** … and of all that are kept: one with thirty thousand fields has 150 KiB, and takes a tenth of a second to load. */
const MAX_HOT_BYTES_IN_ALL = 1_024 * 1_024;

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
    const name = canonicalJson([identity.clusterId, identity.key, identity.life, identity.epoch?.root ?? '']);
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
    let bytes = 0;
    for (const { saved } of this.#documents.values()) bytes += saved.byteLength;
    for (const [oldest, { saved, document }] of this.#documents) {
      if (this.#documents.size <= MAX_HOT && bytes <= MAX_HOT_BYTES_IN_ALL) return;
      this.#documents.delete(oldest);
      bytes -= saved.byteLength;
      release(document);
    }
  }
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
