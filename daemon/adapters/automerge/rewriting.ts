import { createHash } from 'node:crypto';
import * as Automerge from '@automerge/automerge';
import { MAX_EPOCH_AUTHORS, MAX_HEADS, MAX_OBJECT_BYTES } from '../../../protocol/wire/limits.ts';
import type { DocumentFields, DocumentIdentity, DocumentState, RewrittenEpoch } from '../../ports/documents.ts';
import { actorOfLate, historyAt, nextEpoch, planLate } from './late.ts';
import type { LateChange } from './late.ts';
import { CHANGE_TIME, COUNTER_PATH, counterOf, fieldsOf, genesis, genesisLabel, release, stateOf, withDocument } from './flat.ts';
import type { Document } from './flat.ts';

/** How a document gets rid of its history, and how what was changed meanwhile gets into the new one. */

/** Undefined when it can not be rewritten; see `Documents.rewrite`. */
export function rewrite(
  identity: DocumentIdentity,
  document: Document,
  heads: readonly string[],
): { epoch: RewrittenEpoch; saved: Uint8Array; state: DocumentState } | undefined {
  const history = historyAt(Automerge.getChangesMetaSince(document, []), heads);
  if (history === undefined) return undefined;
  const fields = fieldsOf(document, [...heads]);
  const texts = [...fields].sort(([left], [right]) => (left < right ? -1 : 1));
  const length = texts.reduce((sum, [path, values]) => sum + path.length + (values[0]?.length ?? 0), 0);
  if (texts.length === 0 || length > MAX_OBJECT_BYTES || texts.some(([, values]) => values.length > 1)) return undefined;
  const origin = nextEpoch(identity.epoch, history, heads);
  if (origin.clock.length > MAX_EPOCH_AUTHORS || heads.length > MAX_HEADS) return undefined;
  const counter = counterOf(Automerge.view(document, [...heads]));
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

function actorOfState(identity: DocumentIdentity): string {
  return createHash('sha256')
    .update(`${genesisLabel(identity)} state`, 'utf8')
    .digest('hex')
    .slice(0, 32);
}

/** @returns `next` with what is late in `old`; the caller frees it. Undefined when nobody can tell what is */
export function carryOver(
  old: Document,
  from: RewrittenEpoch | undefined,
  next: Document,
  identity: DocumentIdentity,
): Document | undefined {
  const { epoch } = identity;
  if (epoch === undefined) return next;
  const late = planLate(Automerge.getChangesMetaSince(old, []), from, epoch);
  if (late === undefined) return undefined;
  const decoded = decodedSince(old, epoch.heads);
  const made = new Map<string, readonly string[]>();
  const byActor = new Map(Automerge.getChangesMetaSince(next, []).map(({ actor, hash }) => [actor, hash]));
  let document = next;
  for (const change of late) {
    const { deps, ops } = decodedOf(decoded, change.hash);
    const actor = actorOfLate(epoch, change);
    const there = byActor.get(actor);
    if (there !== undefined) {
      made.set(change.hash, [there]);
      continue;
    }
    const on = [...change.deps.flatMap((dep) => made.get(dep) ?? []), baseOf({ change, deps, ops }, old, document, identity)];
    const bytes = madeAgain(ops, document, { on, actor });
    made.set(change.hash, bytes === undefined ? on : [Automerge.decodeChange(bytes).hash]);
    if (bytes !== undefined) [document] = Automerge.applyChanges(document, [bytes]);
  }
  return document;
}

/** What a late change is made on, besides late ones. */
function baseOf(
  { change, deps, ops }: Pick<Automerge.DecodedChange, 'deps' | 'ops'> & { change: LateChange },
  old: Document,
  next: Document,
  identity: DocumentIdentity,
): string {
  const { root = '' } = identity.epoch ?? {};
  if (change.sawAll) return root;
  // As in a three-way merge: where nobody has changed anything since what its author saw, the author saw enough.
  const [seen, held] = [fieldsOf(old, deps), fieldsOf(next, [root])];
  const isUntouched = ops.every(({ key }) => key === COUNTER_PATH || sameTexts(seen, held, String(key)));
  return isUntouched ? root : genesis(identity).head;
}

function sameTexts(left: DocumentFields, right: DocumentFields, path: string): boolean {
  return JSON.stringify(left.get(path) ?? []) === JSON.stringify(right.get(path) ?? []);
}

/** In a fork that has nothing else: numbers of operations follow from all that a document has. Undefined when it changes nothing there. */
function madeAgain(
  ops: Automerge.DecodedChange['ops'],
  next: Document,
  { on, actor }: { on: readonly string[]; actor: string },
): Uint8Array | undefined {
  // To take a part of a document costs several times as much as all of it.
  const isAll = Automerge.getHeads(next).every((head) => on.includes(head));
  const fork = Automerge.clone(isAll ? next : Automerge.view(next, [...on]), { actor });
  try {
    const before = Automerge.getHeads(fork);
    const changed = Automerge.change(fork, { time: CHANGE_TIME }, (draft) => {
      for (const { action, key, value } of ops) {
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

/** What a document has beyond these heads, or all of it where it does not have them: to ask it for one change after the other takes it milliseconds each. */
function decodedSince(document: Document, heads: readonly string[]): Map<string, Automerge.DecodedChange> {
  const known = Automerge.hasHeads(document, [...heads]) ? [...heads] : [];
  return new Map(
    Automerge.getChangesSince(document, known).map((bytes) => {
      const change = Automerge.decodeChange(bytes);
      return [change.hash, change];
    }),
  );
}

function decodedOf(changes: ReadonlyMap<string, Automerge.DecodedChange>, hash: string): Automerge.DecodedChange {
  const change = changes.get(hash);
  if (change === undefined) throw new Error(`a change that is late is none beyond what was cut off: ${hash}`);
  return change;
}
