import { policyWarnings } from '../policies.ts';
import type { DraftObject, StoredObject } from '../objects.ts';
import { decodeBySchema, DECODE_LIMITS, isPlainObject } from '../schema/decode.ts';
import { fillSchemaDefaults } from '../schema/defaults.ts';
import { inSchemaOrder } from '../schema/error-order.ts';
import { formatFieldErrors, invalid } from '../schema/field-errors.ts';
import { findUnsupported } from '../schema/support.ts';
import { validateBySchema } from '../schema/validate.ts';
import type { FieldError, KindAlias, KindDefinition } from './kind.ts';
import { apiVersionOf } from './kind.ts';
import { validateMetadata, validateMetadataUpdate } from './metadata.ts';
import { kindFor, type KindMatch } from './registry.ts';

/**
 * The one gate for objects that people write: what passes is complete, valid, and holds known fields only. Answers are in Kubernetes' words.
 */
export interface AdmissionOptions {
  /** What becomes of fields that the kind does not have: an error; dropped with a warning; dropped. */
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** Paths of fields that were written twice: treated like unknown ones. */
  duplicates?: readonly string[];
  /** The kind that the URL names; also fills in a missing apiVersion and kind. */
  expectKind?: KindDefinition;
  /** The namespace that the URL names. Without it, an object that has none goes to `default`. */
  namespace?: string;
  /** Of a change: the version before. What the server keeps of it counts when the new one is looked at. */
  before?: StoredObject;
  /** For writes to the status subresource; else a status is dropped, because Kith joins it in. */
  keepStatus?: boolean;
}

export type AdmissionResult = AdmittedObject | RefusedObject;

export interface AdmittedObject {
  ok: true;
  kind: KindDefinition;
  /** A new value: what was given is not changed. */
  object: DraftObject;
  warnings: string[];
}

export interface RefusedObject {
  ok: false;
  /** `NotFound`: no such kind. `BadRequest`: not readable. `Invalid`: against the rules. */
  code: 'BadRequest' | 'Invalid' | 'NotFound';
  message: string;
  /** Each with its field, so that a manifest's line can be told. */
  causes: FieldError[];
}

const DEFAULT_NAMESPACE = 'default';

export function decodeObject(value: unknown, options: AdmissionOptions): AdmissionResult {
  const decoded = decodeConfiguration(value, options);
  if (!decoded.ok) return decoded;
  const { kind, object, warnings } = decoded;
  fillDefaults(kind, object);
  if (options.before !== undefined && kind.storedAs === undefined) kind.carryOver?.(options.before, object);
  const unsupported = findUnsupportedFields(kind, object);
  const errors = [...validateObject(kind, object), ...unsupported.refused];
  if (errors.length > 0)
    return { ok: false, code: 'Invalid', message: invalidMessage(kind, object.metadata.name ?? '', errors), causes: errors };
  return { ok: true, kind, object, warnings: [...new Set([...warnings, ...unsupported.warnings])] };
}

/** Only what was written: types and known fields are checked, but nothing is filled in and no rule looked at. What server-side apply applies. */
export function decodeConfiguration(value: unknown, options: AdmissionOptions): AdmissionResult {
  const identified = identify(value, options.expectKind);
  if (!identified.ok) return identified;
  const { kind, alias, draft } = identified;
  const warnings = alias === undefined ? [] : [alias.warning];
  if (alias !== undefined) warnings.push(...alias.convert(draft));
  draft.apiVersion = apiVersionOf(kind);
  const decoded = kind.decode?.(draft) ?? decodeBySchema(kind.schema, draft);
  if (decoded.errors.length > 0) return undecodable(kind, decoded.errors, (decoded.errors[0] as FieldError).message);
  const doubtful = [
    ...(options.duplicates ?? []).map((path) => doubtfulField(path, `duplicate field "${path}"`)),
    ...decoded.unknown.map((path) => doubtfulField(path, `unknown field "${path}"`)),
  ];
  if (doubtful.length > 0 && options.fieldValidation !== 'Ignore') {
    const messages = doubtful.map(({ message }) => message);
    if (options.fieldValidation === 'Warn') warnings.push(...messages);
    else return undecodable(kind, doubtful, `strict decoding error: ${messages.join(', ')}`);
  }
  const object = decoded.value as DraftObject;
  if (options.keepStatus !== true && !hasPlainStatus(kind)) delete object.status;
  const misplaced = fillNamespace(object, kind, options.namespace);
  return misplaced ?? { ok: true, kind, object, warnings };
}

/**
 * The draft in the version that is stored; defaults and rules of that version hold, too. For another version only: else the draft itself.
 * @param before the version before, when there is one: what the server keeps of it
 */
export function toStoredVersion(
  kind: KindDefinition,
  draft: DraftObject,
  before?: StoredObject,
): { draft: DraftObject; errors: FieldError[] } {
  const stored = kind.storedAs;
  if (stored === undefined) {
    if (before !== undefined) kind.carryOver?.(before, draft);
    return { draft, errors: [] };
  }
  const converted = stored.to(draft);
  if (before !== undefined) stored.kind.carryOver?.(before, converted);
  fillDefaults(stored.kind, converted);
  return { draft: converted, errors: validateObject(stored.kind, converted) };
}

/** What kind a value says, or is expected, to be; and a copy of it that may be changed. */
function identify(
  value: unknown,
  expected: KindDefinition | undefined,
): { ok: true; kind: KindDefinition; alias: KindAlias | undefined; draft: DraftObject } | RefusedObject {
  if (!isPlainObject(value)) {
    const target = expected === undefined ? 'map[string]interface {}' : `v1.${expected.kind}`;
    return badRequest(`json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type ${target}`);
  }
  if (depthOf(value) > DECODE_LIMITS.depth) return badRequest(`the object is nested more than ${DECODE_LIMITS.depth} levels deep`);
  const apiVersion = value.apiVersion ?? (expected === undefined ? undefined : apiVersionOf(expected));
  const kindName = value.kind ?? expected?.kind;
  if (typeof kindName !== 'string' || kindName === '') return badRequest(`Object 'Kind' is missing in '${excerpt(value)}'`);
  if (typeof apiVersion !== 'string' || apiVersion === '') return badRequest(`Object 'apiVersion' is missing in '${excerpt(value)}'`);
  const isExpected = expected !== undefined && expected.kind === kindName && apiVersionOf(expected) === apiVersion;
  const match: KindMatch | undefined = isExpected ? { kind: expected } : kindFor(apiVersion, kindName);
  if (expected !== undefined && match?.kind !== expected) {
    if (kindName === expected.kind) {
      return badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${apiVersionOf(expected)})`);
    }
    return badRequest(`${kindName} in version ${JSON.stringify(versionOf(apiVersion))} cannot be handled as a ${expected.kind}`);
  }
  if (match === undefined) {
    return { ok: false, code: 'NotFound', message: `no matches for kind "${kindName}" in version "${apiVersion}"`, causes: [] };
  }
  // Conversions change it, but never what the caller holds.
  const draft = structuredClone({ ...value, apiVersion, kind: kindName }) as unknown as DraftObject;
  return { ok: true, kind: match.kind, alias: match.alias, draft };
}

function fillNamespace(object: DraftObject, kind: KindDefinition, namespace: string | undefined): RefusedObject | undefined {
  object.metadata ??= {};
  if (!kind.namespaced) return undefined;
  const given = object.metadata.namespace ?? '';
  if (namespace !== undefined && given !== '' && given !== namespace) {
    return badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  object.metadata.namespace = given === '' ? (namespace ?? DEFAULT_NAMESPACE) : given;
  return undefined;
}

/** A custom kind without the subresource has a status like any other field. */
export function hasPlainStatus(kind: KindDefinition): boolean {
  return kind.definition !== undefined && !kind.subresources.includes('status');
}

/** Fills in all of a kind's defaults, in place. */
export function fillDefaults(kind: KindDefinition, object: DraftObject): void {
  if (kind.decode === undefined) fillSchemaDefaults(kind.schema, object);
  kind.fillDefaults?.(object);
}

/** All rules for one object on its own. The object is decoded and has its defaults. */
export function validateObject(kind: KindDefinition, object: DraftObject): FieldError[] {
  return inSchemaOrder(kind.schema, [
    ...(kind.isReview === true ? [] : validateMetadata(object.metadata, kind.namespaced, kind.checkName)),
    ...(kind.decode === undefined ? validateBySchema(kind.schema, object) : []),
    ...(kind.validate?.(object) ?? []),
  ]);
}

/** What may not differ between two versions of an object. Empty when all is well. */
export function validateObjectUpdate(kind: KindDefinition, before: StoredObject, after: DraftObject): FieldError[] {
  return [...validateMetadataUpdate(before.metadata, after.metadata), ...(kind.validateUpdate?.(before, after) ?? [])];
}

/** `Deployment.apps "web" is invalid: ...` */
export function invalidMessage(kind: KindDefinition, name: string, errors: readonly FieldError[]): string {
  const qualified = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return `${qualified} ${JSON.stringify(name)} is invalid: ${formatFieldErrors(errors)}`;
}

function findUnsupportedFields(kind: KindDefinition, object: DraftObject): { warnings: string[]; refused: FieldError[] } {
  const bySchema = findUnsupported(kind.schema, object);
  const byKind = kind.findUnsupported?.(object) ?? { warnings: [], refused: [] };
  const asWhole = kind.noEffect === undefined ? [] : [`${kind.kind}: is kept but has no effect yet: ${kind.noEffect}`];
  const policies = policyWarningsOf(object);
  return {
    warnings: [...policies, ...asWhole, ...bySchema.warnings, ...byKind.warnings],
    refused: [...bySchema.refused, ...byKind.refused],
  };
}

function policyWarningsOf({ metadata, ...draft }: DraftObject): string[] {
  const { template } = (draft['spec'] ?? {}) as { template?: { metadata?: { annotations?: Record<string, unknown> } } };
  return [
    ...policyWarnings(metadata?.annotations, 'metadata'),
    ...policyWarnings(template?.metadata?.annotations, 'spec.template.metadata'),
  ];
}

function undecodable(kind: KindDefinition, causes: FieldError[], reason: string): RefusedObject {
  const message = `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: ${reason}`;
  return { ok: false, code: 'BadRequest', message, causes };
}

function doubtfulField(path: string, message: string): FieldError {
  return { ...invalid(path, '', ''), message };
}

function badRequest(message: string): RefusedObject {
  return { ok: false, code: 'BadRequest', message, causes: [] };
}

function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.indexOf('/') + 1);
}

/** Enough of an object for its writer to recognise it. */
function excerpt(value: Record<string, unknown>): string {
  return JSON.stringify(value).slice(0, 200);
}

/** Counts no further than one level beyond the limit, so that a bomb can't overflow the stack of what comes after. */
function depthOf(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null || depth > DECODE_LIMITS.depth) return depth;
  let deepest = depth;
  for (const member of Object.values(value)) deepest = Math.max(deepest, depthOf(member, depth + 1));
  return deepest;
}
