import type { Json } from '../../../protocol/json.ts';
import { canonicalJson, isDeeper } from '../../../protocol/json.ts';
import type { Binding, DecidedConflict, SlotState } from '../../../protocol/objects.ts';
import { MAX_VALUE_DEPTH } from '../../../protocol/wire/limits.ts';
import type { DocumentFields } from '../../ports/documents.ts';
import { isObject } from './fields.ts';

/**
 * Which of several concurrent values of a field wins, equal on every peer. Ours where it matters; else the value whose author had seen the longest history
 * of the document.
 */
export interface DecidedFields {
  values: ReadonlyMap<string, Json>;
  conflicts: DecidedConflict[];
  /** About what the object has as JSON, the same at every peer. */
  bytes: number;
}

/** Negative when the left one wins. Total together with the canonical text. */
type Compare = (left: Json, right: Json) => number;

const AUTHORS: readonly string[] = ['heir', 'leader', 'user'] satisfies Binding['by'][];
const SLOT_ENDS: readonly string[] = ['Succeeded', 'Failed'] satisfies SlotState['done'][];
const JOB_ENDS: readonly string[] = ['Complete', 'Failed'];

/** Fields with a rule of their own. Values come from other peers: rules take any JSON. */
function ruleFor(path: string): Compare | undefined {
  switch (path) {
    case '/kith/binding':
      return compareBindings;
    case '/kith/retired':
      // The fewest retired slots: a pod too many is retired again, one stopped for nothing is lost.
      return (left, right) => lengthOf(left) - lengthOf(right);
    case '/metadata/creationTimestamp':
    case '/metadata/deletionTimestamp':
      return (left, right) => compareTexts(canonicalJson(left), canonicalJson(right));
    case '/metadata/deletionGracePeriodSeconds':
      return (left, right) => Number(left) - Number(right);
    case '/kith/facts/lastScaleTime':
    case '/kith/facts/lastScheduleTime':
    case '/kith/facts/lastSuccessfulTime':
      // The later: no run is made twice, and it is when it was last done.
      return (left, right) => compareTexts(canonicalJson(right), canonicalJson(left));
    case '/kith/facts/job':
      return compareJobFacts;
    default:
      return path.startsWith('/kith/slots/') ? compareSlots : undefined;
  }
}

/** Bookkeeping that both sides write of themselves; nobody needs to hear of it. */
const UNREPORTED = ['/metadata/creationTimestamp', '/metadata/managedFields/'];

/** The author that saw most members, then the later term, heirs before leaders before users, then rank and node. Negative when the left one wins. */
export function compareBindings(left: Json | Binding, right: Json | Binding): number {
  return (
    member(right, 'membersSeen') - member(left, 'membersSeen') ||
    member(right, 'term') - member(left, 'term') ||
    authorRank(left) - authorRank(right) ||
    member(left, 'rank') - member(right, 'rank') ||
    compareTexts(nodeOf(left), nodeOf(right))
  );
}

/** What succeeded, then what failed for good; the greatest epoch, the greatest generation, the claim that saw most members. Negative when the left one wins. */
export function compareSlots(left: Json | SlotState, right: Json | SlotState): number {
  return (
    rankIn(SLOT_ENDS, left, 'done') - rankIn(SLOT_ENDS, right, 'done') ||
    member(right, 'epoch') - member(left, 'epoch') ||
    member(right, 'generation') - member(left, 'generation') ||
    member(claimOf(right), 'membersSeen') - member(claimOf(left), 'membersSeen')
  );
}

/** A Job that completed on one side has completed; else one that failed has. What goes on yields. */
function compareJobFacts(left: Json, right: Json): number {
  return rankIn(JOB_ENDS, left, 'end') - rankIn(JOB_ENDS, right, 'end');
}

export function decideFields(fields: DocumentFields): DecidedFields {
  const values = new Map<string, Json>();
  const conflicts: DecidedConflict[] = [];
  let bytes = 0;
  for (const [path, texts] of fields) {
    const candidates = distinct(texts);
    const [winner, ...losers] = ranked(path, candidates);
    if (winner === undefined) continue;
    values.set(path, winner.value);
    bytes += path.length + Buffer.byteLength(winner.text, 'utf8');
    if (losers.length > 0 && !UNREPORTED.some((prefix) => path.startsWith(prefix))) {
      conflicts.push({ path, winner: winner.value, losers: losers.map(({ value }) => value) });
    }
  }
  conflicts.sort((left, right) => compareTexts(left.path, right.path));
  return { values, conflicts, bytes };
}

interface Candidate {
  text: string;
  value: Json;
}

/** Latest first. Texts that are no JSON, or too deep a one, count for nothing, at every peer alike. */
function distinct(texts: readonly string[]): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const raw of texts.toReversed()) {
    const value = parse(raw);
    if (value === undefined) continue;
    const text = texts.length === 1 ? raw : canonicalJson(value);
    if (!found.has(text)) found.set(text, { text, value });
  }
  return [...found.values()];
}

function ranked(path: string, candidates: Candidate[]): Candidate[] {
  const rule = candidates.length > 1 ? ruleFor(path) : undefined;
  if (rule === undefined) return candidates;
  return candidates.sort((left, right) => numberOr(rule(left.value, right.value), 0) || compareTexts(left.text, right.text));
}

function parse(text: string): Json | undefined {
  if (isDeeper(text, MAX_VALUE_DEPTH)) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** A number that is missing or none loses against every other. */
function member(value: unknown, name: string): number {
  return isObject(value) ? numberOr(value[name], -1) : -1;
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}

function authorRank(value: unknown): number {
  return rankIn(AUTHORS, value, 'by');
}

/** Where a member's text is in a list; what is not in it comes last. */
function rankIn(order: readonly string[], value: unknown, name: string): number {
  const text = isObject(value) ? value[name] : undefined;
  const index = typeof text === 'string' ? order.indexOf(text) : -1;
  return index < 0 ? order.length : index;
}

function nodeOf(value: unknown): string {
  return isObject(value) ? canonicalJson(value['node']) : '';
}

function claimOf(value: unknown): unknown {
  return isObject(value) ? value['claim'] : undefined;
}

function lengthOf(value: Json): number {
  return Array.isArray(value) ? value.length : Number.MAX_SAFE_INTEGER;
}

function compareTexts(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
