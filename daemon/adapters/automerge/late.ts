import { createHash } from 'node:crypto';
import type { RewrittenEpoch } from '../../ports/documents.ts';

/** One change of a history, without what it writes. */
export interface ChangeMeta {
  hash: string;
  actor: string;
  seq: number;
  deps: readonly string[];
}

export interface LateChange {
  hash: string;
  actor: string;
  /** Of these, those that are late themselves; the others are cut off. */
  deps: readonly string[];
  /** It was made by somebody who had seen all that was cut off. */
  sawAll: boolean;
}

/** Hex digits of the 16 bytes that a daemon draws at its start. */
const ACTOR_DIGITS = 32;

/**
 * The actor of changes in a rewritten document: whoever wrote in the one before starts anew, and a sequence number used twice would diverge for ever. The drawn bytes stay in
 * front, since among values of equal age they say which is shown.
 */
export function actorIn(epoch: RewrittenEpoch | undefined, actor: string): string {
  return epoch === undefined ? actor : actor.slice(0, ACTOR_DIGITS) + epoch.root.slice(0, 16);
}

/** The actor under which a late change is made again: it makes that one change and no other, so it also says that it is there. */
export function actorOfLate(epoch: RewrittenEpoch, { actor, hash }: LateChange): string {
  const made = createHash('sha256').update(`${epoch.root} ${hash}`).digest('hex');
  return actor.slice(0, ACTOR_DIGITS) + made.slice(0, 32);
}

/** Pure: which changes of a history (in causal order) `next` lacks. `from` is the epoch of that history. */
export function planLate(history: readonly ChangeMeta[], from: RewrittenEpoch | undefined, next: RewrittenEpoch): LateChange[] {
  const isCutOff = cutOff(history, from, next);
  if (isCutOff === undefined) return [];
  const metas = new Map(history.map((meta) => [meta.hash, meta]));
  const late = new Map<string, LateChange>();
  for (const meta of history) {
    if (isCutOff(meta)) continue;
    const deps = meta.deps.filter((dep) => late.has(dep));
    const sawAll = deps.some((dep) => late.get(dep)?.sawAll === true) || seenBy(meta, metas, isCutOff) === next.changes;
    late.set(meta.hash, { hash: meta.hash, actor: meta.actor, deps, sawAll });
  }
  return [...late.values()];
}

/**
 * Undefined: nobody can tell any more. Every member had the epoch before the last one is rewritten, so that who has an older one was none, or has lost its disk since.
 */
function cutOff(
  history: readonly ChangeMeta[],
  from: RewrittenEpoch | undefined,
  next: RewrittenEpoch,
): ((meta: ChangeMeta) => boolean) | undefined {
  const [first] = history;
  if (next.number === (from?.number ?? 0) + 1) {
    const last = new Map(next.clock);
    return ({ actor, seq, hash }) => hash === first?.hash || seq <= (last.get(actor) ?? 0);
  }
  if (from === undefined || next.number !== from.number) return undefined;
  // Two sides that did not know of each other cut it at different moments. What the other one did not have goes on beside it.
  const others = new Map(next.clock);
  const isWithin = from.clock.every(([actor, sequence]) => sequence <= (others.get(actor) ?? 0));
  return ({ hash }) => hash === first?.hash || (isWithin && hash === from.root);
}

/** How many of the changes that are cut off its author had seen. */
function seenBy(change: ChangeMeta, metas: ReadonlyMap<string, ChangeMeta>, isCutOff: (meta: ChangeMeta) => boolean): number {
  const seen = new Set<string>();
  let count = 0;
  const queue = [...change.deps];
  for (let hash = queue.pop(); hash !== undefined; hash = queue.pop()) {
    const meta = metas.get(hash);
    if (meta === undefined || seen.has(hash)) continue;
    seen.add(hash);
    if (isCutOff(meta)) count += 1;
    queue.push(...meta.deps);
  }
  return count;
}
