import type { FieldEdit } from '../../ports/documents.ts';
import type { FlatFields } from './fields.ts';
import { isAtOrBelow } from './pointer.ts';
import { alwaysMerged } from './resolve.ts';

/** Changes to these count as a new `metadata.generation`. */
const SPEC_PATH = '/spec';

export function editsToCreate(fields: FlatFields): FieldEdit[] {
  return [...fields].map(([path, value]) => ({ path, value }));
}

/** What differs between `base` and `next`, unit by unit: what the author meant to change, whatever others changed meanwhile. */
export function editsBetween(base: FlatFields, next: FlatFields): FieldEdit[] {
  const edits: FieldEdit[] = [];
  for (const [path, value] of next) if (base.get(path) !== value) edits.push({ path, value });
  for (const path of base.keys()) if (!next.has(path)) edits.push({ path, value: undefined });
  return edits;
}

/** Decided from what they were: where a pod runs, and which pods a workload has. */
const DECIDED_PATHS = ['/kith/binding', '/kith/retired', '/kith/slots'];

/**
 * The first of the edited fields that must not be overwritten unseen, and that is neither as the author saw it nor as the author wants it: written all the same, it
 * would move a pod that is bound, or take a slot back to a generation that is gone.
 */
export function overtakenField(base: FlatFields, current: FlatFields, edits: readonly FieldEdit[]): string | undefined {
  const isOvertaken = ({ path, value }: FieldEdit): boolean =>
    DECIDED_PATHS.some((pointer) => isAtOrBelow(path, pointer)) && current.get(path) !== base.get(path) && current.get(path) !== value;
  return edits.find(isOvertaken)?.path;
}

/**
 * For an object whose merge was not valid: besides what the author changed, everything else of the spec becomes what the author saw, so that the edit repairs it.
 */
export function editsToRepair(held: Iterable<string>, base: FlatFields, next: FlatFields): FieldEdit[] {
  const edits = editsBetween(base, next).filter(({ path }) => alwaysMerged(path));
  for (const [path, value] of next) if (!alwaysMerged(path)) edits.push({ path, value });
  for (const path of held) if (!alwaysMerged(path) && !next.has(path)) edits.push({ path, value: undefined });
  return edits;
}

export function touchesSpec(edits: readonly FieldEdit[]): boolean {
  return edits.some(({ path }) => isAtOrBelow(path, SPEC_PATH));
}
