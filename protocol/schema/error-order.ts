import type { FieldError } from '../kinds/kind.ts';
import type { Schema } from './schema.ts';

/**
 * Errors in the order in which Kubernetes tells them: it looks at one field after the other, as a schema lists them, and at all of one field before the next. What is
 * said of one field stays in the order in which it was found, and what is said of a whole comes after what is said of its parts. A field that the schema does not have
 * (Kubernetes names some by another path) comes first in its object.
 */
export function inSchemaOrder(schema: Schema, errors: readonly FieldError[]): FieldError[] {
  if (errors.length < 2) return [...errors];
  const placed = errors.map((error) => ({ error, place: placeOf(schema, error.field) }));
  return placed.sort((left, right) => comparePlaces(left.place, right.place)).map(({ error }) => error);
}

/** Members of maps stay in the order in which they were found. */
const ANY_MEMBER = 0;
const UNKNOWN = -1;
const PART = /\[([^\]]*)\]|[^.[\]]+/g;

function placeOf(schema: Schema, path: string): number[] {
  const place: number[] = [];
  let at: Schema | undefined = schema;
  for (const [part, index] of path.matchAll(PART)) {
    if (at?.type === 'array') {
      place.push(index === undefined ? UNKNOWN : Number(index));
      at = index === undefined ? undefined : at.items;
    } else if (at?.type === 'map') {
      place.push(ANY_MEMBER);
      at = at.values;
    } else if (at?.type === 'object') {
      place.push(Object.keys(at.fields).indexOf(part));
      at = Object.hasOwn(at.fields, part) ? at.fields[part] : undefined;
    } else break;
  }
  return place;
}

function comparePlaces(left: readonly number[], right: readonly number[]): number {
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return right.length - left.length;
}
