import { createHash } from 'node:crypto';
import type { PastEpoch } from '../../../protocol/desired.ts';
import { MAX_PAST_AUTHORS, MAX_PAST_EPOCHS } from '../../../protocol/wire/limits.ts';
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
export function actorOfLate({ root }: Pick<RewrittenEpoch, 'root'>, { actor, hash }: Pick<ChangeMeta, 'actor' | 'hash'>): string {
  const made = createHash('sha256').update(`${root} ${hash}`).digest('hex');
  return actor.slice(0, ACTOR_DIGITS) + made.slice(0, 32);
}

/** The changes that these heads have seen, themselves among them; undefined when one of them is not there. */
export function historyAt(history: readonly ChangeMeta[], heads: readonly string[]): ChangeMeta[] | undefined {
  const metas = new Map(history.map((meta) => [meta.hash, meta]));
  if (heads.length === 0 || heads.some((head) => !metas.has(head))) return undefined;
  const seen = ancestorsOf(heads, metas);
  return history.filter(({ hash }) => seen.has(hash));
}

/** What a document begins with that is rewritten with that history, but for its root. */
export function nextEpoch(
  before: RewrittenEpoch | undefined,
  history: readonly Pick<ChangeMeta, 'actor' | 'seq'>[],
  heads: readonly string[],
): Omit<RewrittenEpoch, 'root'> {
  const last = new Map<string, number>();
  for (const { actor, seq } of history) last.set(actor, Math.max(seq, last.get(actor) ?? 0));
  const clock = [...last].sort(([left], [right]) => (left < right ? -1 : 1));
  const past = before === undefined ? [] : pastWith(before);
  const origin = { number: (before?.number ?? 0) + 1, changes: history.length, heads: [...heads].sort(), clock };
  return past.length === 0 ? origin : { ...origin, past };
}

function pastWith({ root, clock, past = [] }: RewrittenEpoch): PastEpoch[] {
  const kept: PastEpoch[] = [];
  let authors = 0;
  for (const epoch of [{ root, clock }, ...past].slice(0, MAX_PAST_EPOCHS)) {
    authors += epoch.clock.length;
    if (authors > MAX_PAST_AUTHORS) break;
    kept.push(epoch);
  }
  return kept;
}

/** Pure: which changes of a history (in causal order) `next` lacks. `from` is the epoch of that history. Undefined: nobody can tell any more. */
export function planLate(history: readonly ChangeMeta[], from: RewrittenEpoch | undefined, next: RewrittenEpoch): LateChange[] | undefined {
  const cuts = cutsBetween(from, next);
  if (cuts === undefined) return undefined;
  const isCutOff = cutOff(history, from, cuts);
  const isNext = cuts.sibling === undefined && cuts.later.length === 1;
  const metas = new Map(history.map((meta) => [meta.hash, meta]));
  const late = new Map<string, LateChange>();
  for (const meta of history) {
    if (isCutOff(meta)) continue;
    const deps = meta.deps.filter((dep) => late.has(dep));
    const sawAll = isNext && (deps.some((dep) => late.get(dep)?.sawAll === true) || seenBy(meta, metas, isCutOff) === next.changes);
    late.set(meta.hash, { hash: meta.hash, actor: meta.actor, deps, sawAll });
  }
  return [...late.values()];
}

/** How one epoch of a document came to be another one. */
interface Cuts {
  /** The epoch of the same number that the other one comes from, or is: two sides that did not know of each other cut it at different moments. */
  sibling: PastEpoch | undefined;
  /** The epochs after that number, the oldest first. */
  later: readonly PastEpoch[];
}

/**
 * Every member had the epoch before the last one is rewritten, so that who has an older one was none, or its disk is as it was long ago. Undefined when it is older than what is
 * remembered.
 */
function cutsBetween(from: RewrittenEpoch | undefined, next: RewrittenEpoch): Cuts | undefined {
  const number = from?.number ?? 0;
  const chain = [next, ...(next.past ?? [])].map(({ root, clock }, back) => ({ number: next.number - back, root, clock })).reverse();
  const same = chain.find((cut) => cut.number === number);
  const later = chain.filter((cut) => cut.number > number);
  if (later[0] === undefined ? same === undefined : later[0].number !== number + 1) return undefined;
  return { sibling: same?.root === from?.root ? undefined : same, later };
}

/** What a change is made again as in each of the epochs says whether it is there; of what is made again twice it can not be told, and it comes another time, beside. */
function cutOff(history: readonly ChangeMeta[], from: RewrittenEpoch | undefined, { sibling, later }: Cuts): (meta: ChangeMeta) => boolean {
  const [first] = history;
  // What the other side did not have goes on beside it.
  const isWithin = sibling !== undefined && (from?.clock.every(([actor, sequence]) => isIn(sibling, actor, sequence)) ?? false);
  const line = sibling === undefined ? later : [sibling, ...later];
  const [one] = sibling === undefined ? later : [];
  return (meta) => {
    if (meta.hash === first?.hash || (isWithin && meta.hash === from?.root)) return true;
    if (one !== undefined && isIn(one, meta.actor, meta.seq)) return true;
    return line.some((cut, at) => at > 0 && isIn(cut, actorOfLate(line[at - 1] ?? cut, meta), 1));
  };
}

function isIn({ clock }: PastEpoch, actor: string, sequence: number): boolean {
  return clock.some(([author, last]) => author === actor && sequence <= last);
}

/** How many of the changes that are cut off its author had seen. */
function seenBy(change: ChangeMeta, metas: ReadonlyMap<string, ChangeMeta>, isCutOff: (meta: ChangeMeta) => boolean): number {
  let count = 0;
  for (const hash of ancestorsOf(change.deps, metas)) {
    const meta = metas.get(hash);
    if (meta !== undefined && isCutOff(meta)) count += 1;
  }
  return count;
}

function ancestorsOf(heads: readonly string[], metas: ReadonlyMap<string, ChangeMeta>): Set<string> {
  const seen = new Set<string>();
  const queue = [...heads];
  for (let hash = queue.pop(); hash !== undefined; hash = queue.pop()) {
    const meta = metas.get(hash);
    if (meta === undefined || seen.has(hash)) continue;
    seen.add(hash);
    queue.push(...meta.deps);
  }
  return seen;
}
