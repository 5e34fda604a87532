import type { Json } from '../../../protocol/json.ts';
import type { DecidedConflict, ObjectKey, StoredObject } from '../../../protocol/objects.ts';
import { MAX_OBJECT_BYTES } from '../../../protocol/wire/limits.ts';
import type { DocumentFields, DocumentState } from '../../ports/documents.ts';
import { joinObject } from './fields.ts';
import { isAtOrBelow } from './pointer.ts';
import { decideFields } from './winners.ts';

/** Says why an object can't be what it says it is; undefined when it can. */
export type Validate = (object: StoredObject) => string | undefined;

export interface ResolveInput {
  key: ObjectKey;
  uid: string;
  state: DocumentState;
  validate: Validate;
  /** The document's fields at one of its heads. */
  readAt: (head: string) => DocumentFields;
}

/** What a document shows. Pure: equal documents show equal objects at every peer that validates alike. */
export interface Resolution {
  object: StoredObject;
  conflicts: DecidedConflict[];
  /** The merge of several valid edits was not valid: the spec is the one of a single head. */
  fallback: boolean;
  /** Nothing of it validates: it must not be acted on. */
  invalid?: string;
}

export type Resolve = (input: ResolveInput) => Resolution;

/** What stays merged when the rest falls back to one head. */
const ALWAYS_MERGED = ['/metadata', '/kith'];
/** The path under which a fallback is reported. */
const SPEC_PATH = '/spec';

export function resolveObject(input: ResolveInput): Resolution {
  const merged = decideFields(input.state.fields);
  const object = join(input, merged.values);
  const invalid = reasonAgainst(object, merged.bytes, input.validate);
  if (invalid === undefined) return { object, conflicts: merged.conflicts, fallback: false };
  return fallBack(input, merged.values, object, merged.conflicts) ?? { object, conflicts: merged.conflicts, fallback: false, invalid };
}

/** Two valid edits can merge into what nobody may write. Then the first head, by hash, whose own spec validates gives the spec. */
function fallBack(
  input: ResolveInput,
  merged: ReadonlyMap<string, Json>,
  refused: StoredObject,
  decided: DecidedConflict[],
): Resolution | undefined {
  if (input.state.heads.length < 2) return undefined;
  for (const head of [...input.state.heads].sort()) {
    const values = new Map([...merged].filter(([path]) => alwaysMerged(path)));
    const alone = decideFields(input.readAt(head));
    for (const [path, value] of alone.values) if (!alwaysMerged(path)) values.set(path, value);
    const object = join(input, values);
    if (reasonAgainst(object, alone.bytes, input.validate) !== undefined) continue;
    const conflict = { path: SPEC_PATH, winner: valueAt(object), losers: [valueAt(refused)] };
    return { object, conflicts: [...decided.filter(({ path }) => path !== SPEC_PATH), conflict], fallback: true };
  }
  return undefined;
}

export function alwaysMerged(path: string): boolean {
  return ALWAYS_MERGED.some((pointer) => isAtOrBelow(path, pointer));
}

function join({ key, uid, state }: ResolveInput, values: ReadonlyMap<string, Json>): StoredObject {
  return joinObject(key, uid, values, state.counter);
}

function reasonAgainst(object: StoredObject, bytes: number, validate: Validate): string | undefined {
  if (typeof object.apiVersion !== 'string' || object.apiVersion === '') return 'it has no apiVersion';
  if (typeof object.kind !== 'string' || object.kind === '') return 'it has no kind';
  if (bytes > MAX_OBJECT_BYTES) return `it has ${bytes} bytes; at most ${MAX_OBJECT_BYTES} are taken`;
  return validate(object);
}

function valueAt(object: StoredObject): Json {
  return (object['spec'] ?? null) as Json;
}
