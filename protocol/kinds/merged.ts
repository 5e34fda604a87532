import type { DraftObject, StoredObject } from '../objects.ts';
import { decodeBySchema } from '../schema/decode.ts';
import { typeInvalid } from '../schema/field-errors.ts';
import type { Schema } from '../schema/schema.ts';
import { validateBySchema } from '../schema/validate.ts';
import { validateObject } from './admission.ts';
import type { FieldError } from './kind.ts';
import { kithFieldsSchema } from './kith-fields.ts';
import { kindFor } from './registry.ts';

/**
 * Whether an object that a merge made, or a peer sent, can be worked with: types, bounds and rules. What this version does not know (fields, kinds, features it
 * refuses) is let through: a newer peer may know it, and all peers have to come to the same answer.
 */
export function validateMerged(object: StoredObject): FieldError[] {
  const kind = kindFor(object.apiVersion, object.kind)?.kind;
  if (kind === undefined) return [];
  const decoded = decodeBySchema(kind.schema, object);
  if (decoded.errors.length > 0) return decoded.errors;
  const draft = decoded.value as DraftObject;
  if (draft.metadata === undefined) return [typeInvalid('metadata', 'Required value')];
  if (needsSpec(kind.schema) && draft.spec === undefined) return [typeInvalid('spec', 'Required value')];
  return [...validateObject(kind, draft), ...validateKithFields(object.kith)];
}

/** Rules read the spec of kinds that always have one once their defaults are filled in. */
function needsSpec(schema: Schema): boolean {
  if (schema.type !== 'object' || schema.fields.spec === undefined) return false;
  return schema.required?.includes('spec') === true || 'default' in schema.fields.spec;
}

function validateKithFields(kith: unknown): FieldError[] {
  if (kith === undefined) return [];
  const decoded = decodeBySchema(kithFieldsSchema, kith);
  const errors = decoded.errors.length > 0 ? decoded.errors : validateBySchema(kithFieldsSchema, decoded.value, 'kith');
  return errors.slice(0, 10);
}
