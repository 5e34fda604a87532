import { hasPlainStatus } from '../../protocol/kinds/admission.ts';
import { KithError } from '../../protocol/errors.ts';
import type { Json } from '../../protocol/json.ts';
import { CUSTOM_DEFINITIONS } from '../../protocol/kinds/custom/definition.ts';
import { type Binding, type DesiredObject, type KubeObject, objectKey, type StoredObject } from '../../protocol/objects.ts';
import type { PodSpec } from '../../protocol/types.ts';
import { formatTime } from '../../protocol/values/time.ts';
import { DEFAULT_NAMESPACES } from '../core/controllers/namespaces.ts';
import { shownPodSpec } from '../core/status/shown-pod.ts';
import type { ResourceAccess } from '../core/authorization/rules.ts';
import type { HttpResponse } from '../ports/http.ts';
import { authorizeResource } from './authorization.ts';
import { readManifest } from './body.ts';
import { decodeDraft } from './decoding.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';
import { withManagedFields, withOwners } from './field-owners.ts';
import { dryRunParameter, fieldValidationParameter } from './parameters.ts';
import { podSecurityWarnings } from './pod-security.ts';
import { prepareDraft } from './preparing.ts';
import { keyOf } from './reading.ts';
import { respondWith } from './responding.ts';
import { ApiError, alreadyExists, forbidden, invalid, notFound } from './status.ts';
import { newStored } from './stored.ts';
import { writeWarnings } from './write-warnings.ts';

/** As upstream (k8s.io/apiserver/pkg/storage/names): five characters after at most 58. */
const GENERATED_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const GENERATED_SUFFIX_LENGTH = 5;
const MAX_GENERATED_BASE_LENGTH = 63 - GENERATED_SUFFIX_LENGTH;
const MAX_NAME_DRAWS = 8;

/** POST to a collection. */
export async function createObject(call: ResourceCall, deps: ApiDeps): Promise<HttpResponse> {
  const { kind, request } = call;
  if (kind.namespaced && call.namespace === undefined)
    throw new ApiError('BadRequest', 'an empty namespace may not be set during creation');
  const { body, duplicates } = await readManifest(request);
  const generateName = generateNameOf(body);
  for (let draw = 1; ; draw++) {
    const name = generateName === undefined ? undefined : generatedName(generateName, deps);
    try {
      return await createNamed(call, deps, { body, name, duplicates });
    } catch (error) {
      const taken = error instanceof ApiError && error.code === 'AlreadyExists';
      if (!taken || generateName === undefined || draw === MAX_NAME_DRAWS) throw error;
    }
  }
}

export interface Creation {
  body: unknown;
  /** Undefined: the body's. */
  name: string | undefined;
  /** Who owns which fields; the creator owns all, unless this is given. */
  managedFields?: Json[];
  warnings?: readonly string[];
  /** Fields that the body named twice. */
  duplicates?: readonly string[];
}

export async function createNamed(call: ResourceCall, deps: ApiDeps, creation: Creation): Promise<HttpResponse> {
  const { query } = call.request;
  const dryRun = dryRunParameter(query.getAll('dryRun'));
  const { body, name, managedFields, duplicates } = creation;
  // A PUT or a patch that makes its object needs the right to make one, too.
  if (call.request.method !== 'POST') authorizeResource(call.identity, createAccess(call), deps);
  const { draft, warnings } = decodeDraft(call, body, { name, duplicates, fieldValidation: fieldValidationParameter(query) });
  const finalName = draft.metadata.name ?? '';
  checkPreset(call, finalName, draft.metadata);
  checkNamespace(call, finalName, deps);
  checkDefinition(call, deps);
  const prepared = prepareDraft(call, draft, undefined, deps);
  const binding = (node: string): Binding => userBinding(node, deps);
  const unowned = newStored(prepared, finalName, call.namespace, deps.clock.now(), binding, hasPlainStatus(call.kind));
  const stored = managedFields === undefined ? withOwners(call, deps, undefined, unowned) : withManagedFields(unowned, managedFields);
  const risky = podSecurityWarnings(call, prepared, undefined, deps);
  const known = writeWarnings(call, prepared, undefined, deps);
  return write(call, deps, stored, [...(creation.warnings ?? []), ...warnings, ...risky, ...known], dryRun);
}

function createAccess({ kind, namespace, name }: ResourceCall): ResourceAccess {
  return { verb: 'create', group: kind.group, resource: kind.plural, namespace, name };
}

/** What a person's (or a client's) choice of node is worth against others': see `compareBindings`. */
export function userBinding(node: string, deps: Pick<ApiDeps, 'bindingAuthor' | 'clock'>): Binding {
  return { node, ...deps.bindingAuthor(), by: 'user', rank: 0, at: formatTime(deps.clock.now()) };
}

async function write(
  call: ResourceCall,
  deps: ApiDeps,
  stored: StoredObject,
  warnings: readonly string[],
  dryRun: boolean,
): Promise<HttpResponse> {
  const { name } = stored.metadata;
  const key = keyOf(call.kind, call.namespace, name);
  const there = deps.desired.read(key);
  if (there !== undefined) throw alreadyExists(call.kind, name, there.object.metadata.deletionTimestamp !== undefined);
  const within = async <T>(act: () => Promise<T>): Promise<T> => deps.admission?.withinQuota(call, stored, undefined, act) ?? act();
  if (dryRun) return within(async () => respondWith(call, deps, 201, shownWithout(stored), warnings));
  try {
    const result = await within(async () => deps.desired.write([{ type: 'create', key, object: stored }]));
    return respondWith(call, deps, 201, created(key, result.objects[0], stored, deps), [...warnings, ...result.warnings]);
  } catch (error) {
    if (error instanceof KithError && error.code === 'AlreadyExists') throw alreadyExists(call.kind, name, false);
    throw error;
  }
}

/** The object as it is shown; or as it was written, if it went away again in the meantime. */
function created(key: string, written: DesiredObject | undefined, stored: StoredObject, deps: ApiDeps): KubeObject {
  const shown = deps.objects.get(key);
  if (shown !== undefined && (written === undefined || shown.metadata.uid === written.uid)) return shown;
  return shownWithout(written?.object ?? stored);
}

function shownWithout(stored: StoredObject): KubeObject {
  const { kith, ...shown } = stored;
  return stored.kind === 'Pod' ? { ...shown, spec: shownPodSpec(stored['spec'] as PodSpec, kith?.binding?.node) } : shown;
}

function generateNameOf(body: unknown): string | undefined {
  const metadata = (body as { metadata?: { name?: unknown; generateName?: unknown } | null } | null | undefined)?.metadata;
  const named = typeof metadata?.name === 'string' && metadata.name !== '';
  return !named && typeof metadata?.generateName === 'string' && metadata.generateName !== '' ? metadata.generateName : undefined;
}

function generatedName(base: string, deps: Pick<ApiDeps, 'random'>): string {
  let suffix = '';
  while (suffix.length < GENERATED_SUFFIX_LENGTH)
    suffix += GENERATED_ALPHABET[Math.floor(deps.random.next() * GENERATED_ALPHABET.length)] ?? '';
  return base.slice(0, MAX_GENERATED_BASE_LENGTH) + suffix;
}

function checkPreset(call: ResourceCall, name: string, metadata: { resourceVersion?: string }): void {
  if (name === '') {
    const error = {
      field: 'metadata.name',
      reason: 'FieldValueRequired',
      message: 'Required value: name or generateName is required',
    } as const;
    throw invalid(call.kind, '', [error]);
  }
  if ((metadata.resourceVersion ?? '') !== '')
    throw new ApiError('BadRequest', 'resourceVersion should not be set on objects to be created');
}

/** While the definition of a kind goes, nothing new comes. */
function checkDefinition({ kind }: ResourceCall, deps: ApiDeps): void {
  if (kind.definition === undefined) return;
  const definition = deps.desired.read(objectKey(CUSTOM_DEFINITIONS, '', kind.definition));
  if (definition?.object.metadata.deletionTimestamp === undefined) return;
  throw new ApiError('MethodNotAllowed', 'create not allowed while custom resource definition is terminating');
}

function checkNamespace(call: ResourceCall, name: string, deps: ApiDeps): void {
  if (call.namespace === undefined) return;
  const namespaces = { group: '', plural: 'namespaces' };
  const key = objectKey('namespaces', '', call.namespace);
  const namespace = deps.desired.read(key);
  // In the first moments of a cluster the leader has not made them yet.
  if (namespace === undefined && DEFAULT_NAMESPACES.includes(call.namespace) && deps.desired.buriedLife(key) === 0) return;
  if (namespace === undefined) throw notFound(namespaces, call.namespace);
  if (namespace.object.metadata.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${call.namespace} because it is being terminated`;
  const cause = { reason: 'NamespaceTerminating', message: `namespace ${call.namespace} is being terminated`, field: 'metadata.namespace' };
  throw forbidden(call.kind, name, why, [cause]);
}
