import { createHash } from 'node:crypto';
import * as Automerge from '@automerge/automerge';
import { MAX_EPOCH_AUTHORS, MAX_OBJECT_BYTES } from '../../../protocol/wire/limits.ts';
import type { DocumentFields, DocumentIdentity, DocumentState, RewrittenEpoch } from '../../ports/documents.ts';
import { actorOfLate, planLate } from './late.ts';
import type { LateChange } from './late.ts';
import { CHANGE_TIME, COUNTER_PATH, fieldsOf, genesis, genesisLabel, release, stateOf, withDocument } from './flat.ts';
import type { Document } from './flat.ts';

/** How a document gets rid of its history, and how what was changed meanwhile gets into the new one. */

/** Undefined when it can not be rewritten; see `Documents.rewrite`. */
export function rewrite(
  identity: DocumentIdentity,
  document: Document,
): { epoch: RewrittenEpoch; saved: Uint8Array; state: DocumentState } | undefined {
  const { heads, fields, counter, changes } = stateOf(document);
  const texts = [...fields].sort(([left], [right]) => (left < right ? -1 : 1));
  const length = texts.reduce((sum, [path, values]) => sum + path.length + (values[0]?.length ?? 0), 0);
  if (texts.length === 0 || length > MAX_OBJECT_BYTES || texts.some(([, values]) => values.length > 1)) return undefined;
  const clock = clockOf(document);
  if (clock.length > MAX_EPOCH_AUTHORS) return undefined;
  const number = (identity.epoch?.number ?? 0) + 1;
  const origin = { number, changes, heads, clock };
  const next = { ...identity, epoch: { ...origin, root: '' } };
  return withDocument(genesis(next).saved, actorOfState(next), (first) => {
    const whole = Automerge.change(first, { time: CHANGE_TIME }, (draft) => {
      for (const [path, values] of texts) draft[path] = new Automerge.ImmutableString(values[0] ?? '');
      const generation = draft[COUNTER_PATH];
      if (counter > 1 && Automerge.isCounter(generation)) generation.increment(counter - 1);
    });
    const [root = ''] = Automerge.getHeads(whole);
    return { epoch: { ...origin, root }, saved: Automerge.save(whole), state: stateOf(whole) };
  });
}

function clockOf(document: Document): [actor: string, sequence: number][] {
  const last = new Map<string, number>();
  for (const { actor, seq } of Automerge.getChangesMetaSince(document, [])) last.set(actor, Math.max(seq, last.get(actor) ?? 0));
  return [...last].sort(([left], [right]) => (left < right ? -1 : 1));
}

function actorOfState(identity: DocumentIdentity): string {
  return createHash('sha256')
    .update(`${genesisLabel(identity)} state`, 'utf8')
    .digest('hex')
    .slice(0, 32);
}

/** @returns `next` with what is late in `old`; the caller frees it */
export function carryOver(old: Document, from: RewrittenEpoch | undefined, next: Document, identity: DocumentIdentity): Document {
  const { epoch } = identity;
  if (epoch === undefined) return next;
  const late = planLate(Automerge.getChangesMetaSince(old, []), from, epoch);
  const made = new Map<string, readonly string[]>();
  const byActor = new Map(Automerge.getChangesMetaSince(next, []).map(({ actor, hash }) => [actor, hash]));
  let document = next;
  for (const change of late) {
    const actor = actorOfLate(epoch, change);
    const there = byActor.get(actor);
    if (there !== undefined) {
      made.set(change.hash, [there]);
      continue;
    }
    const on = [...change.deps.flatMap((dep) => made.get(dep) ?? []), baseOf(change, old, document, identity)];
    const bytes = madeAgain(change, old, document, { on, actor });
    made.set(change.hash, bytes === undefined ? on : [Automerge.decodeChange(bytes).hash]);
    if (bytes !== undefined) [document] = Automerge.applyChanges(document, [bytes]);
  }
  return document;
}

/** What a late change is made on, besides late ones. */
function baseOf(change: LateChange, old: Document, next: Document, identity: DocumentIdentity): string {
  const { root = '' } = identity.epoch ?? {};
  if (change.sawAll) return root;
  // As in a three-way merge: where nobody has changed anything since what its author saw, the author saw enough.
  const { deps, ops } = inspected(old, change.hash);
  const [seen, held] = [fieldsOf(old, deps), fieldsOf(next, [root])];
  const isUntouched = ops.every(({ key }) => key === COUNTER_PATH || sameTexts(seen, held, String(key)));
  return isUntouched ? root : genesis(identity).head;
}

function sameTexts(left: DocumentFields, right: DocumentFields, path: string): boolean {
  return JSON.stringify(left.get(path) ?? []) === JSON.stringify(right.get(path) ?? []);
}

/** In a fork that has nothing else: numbers of operations follow from all that a document has. Undefined when it changes nothing there. */
function madeAgain(
  change: LateChange,
  old: Document,
  next: Document,
  { on, actor }: { on: readonly string[]; actor: string },
): Uint8Array | undefined {
  const fork = Automerge.clone(Automerge.view(next, [...on]), { actor });
  try {
    const before = Automerge.getHeads(fork);
    const changed = Automerge.change(fork, { time: CHANGE_TIME }, (draft) => {
      for (const { action, key, value } of inspected(old, change.hash).ops) {
        const path = String(key);
        const generation = draft[COUNTER_PATH];
        if (path === COUNTER_PATH) {
          if (action === 'inc' && Automerge.isCounter(generation)) generation.increment(Number(value));
        } else if (action === 'del') delete draft[path];
        else if (action === 'set' && typeof value === 'string') draft[path] = new Automerge.ImmutableString(value);
      }
    });
    return Automerge.getHeads(changed).join() === before.join() ? undefined : Automerge.getLastLocalChange(changed);
  } finally {
    release(fork);
  }
}

function inspected(document: Document, hash: string): Automerge.DecodedChange {
  const change = Automerge.inspectChange(document, hash);
  if (change === null) throw new Error(`a change of its own history is not in it: ${hash}`);
  return change;
}
