import { KithError } from '../../protocol/errors.ts';
import { type Binding, type DesiredObject, type KubeObject, objectKey, type StoredObject } from '../../protocol/objects.ts';
import { formatTime } from '../../protocol/values/time.ts';
import type { HttpResponse } from '../ports/http.ts';
import { readDocument } from './body.ts';
import { decodeDraft } from './decoding.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';
import { dryRunParameter, fieldValidationParameter } from './parameters.ts';
import { keyOf } from './reading.ts';
import { respondWith } from './responding.ts';
import { ApiError, alreadyExists, forbidden, invalid, notFound } from './status.ts';
import { newStored } from './stored.ts';

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
  const dryRun = dryRunParameter(request.query.getAll('dryRun'));
  const body = await readDocument(request);
  const generateName = generateNameOf(body);
  for (let draw = 1; ; draw++) {
    const name = generateName === undefined ? undefined : generatedName(generateName, deps);
    const { draft, warnings } = decodeDraft(call, body, { name, fieldValidation: fieldValidationParameter(request.query) });
    const finalName = draft.metadata.name ?? '';
    checkPreset(call, finalName, draft.metadata);
    checkNamespace(call, finalName, deps);
    const stored = newStored(draft, finalName, call.namespace, deps.clock.now(), (node) => userBinding(node, deps));
    try {
      return await write(call, deps, stored, warnings, dryRun);
    } catch (error) {
      const taken = error instanceof ApiError && error.code === 'AlreadyExists';
      if (!taken || generateName === undefined || draw === MAX_NAME_DRAWS) throw error;
    }
  }
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
  if (dryRun) return respondWith(call, deps, 201, shownWithout(stored), warnings);
  try {
    const result = await deps.desired.write([{ type: 'create', key, object: stored }]);
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
  const node = kith?.binding?.node;
  return node === undefined ? shown : { ...shown, spec: { ...(stored['spec'] as object), nodeName: node } };
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

function checkNamespace(call: ResourceCall, name: string, deps: ApiDeps): void {
  if (call.namespace === undefined) return;
  const namespaces = { group: '', plural: 'namespaces' };
  const namespace = deps.desired.read(objectKey('namespaces', '', call.namespace));
  if (namespace === undefined) throw notFound(namespaces, call.namespace);
  if (namespace.object.metadata.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${call.namespace} because it is being terminated`;
  const cause = { reason: 'NamespaceTerminating', message: `namespace ${call.namespace} is being terminated`, field: 'metadata.namespace' };
  throw forbidden(call.kind, name, why, [cause]);
}
