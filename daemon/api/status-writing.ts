import type { KubeObject } from '../../protocol/objects.ts';
import { jsonEqual } from '../../protocol/json.ts';
import type { HttpResponse } from '../ports/http.ts';
import { readDocument } from './body.ts';
import { decodeDraft } from './decoding.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { withOwners } from './field-owners.ts';
import { dryRunParameter, fieldValidationParameter } from './parameters.ts';
import { readPatch } from './patching.ts';
import { existing, keyOf } from './reading.ts';
import { respondWith } from './responding.ts';
import { prepareDraft } from './preparing.ts';
import { methodNotAllowed, notFound } from './status.ts';
import type { KeyedLock } from './timing.ts';
import { checkPreconditions, writeNext } from './updating.ts';

/** PUT and PATCH of a status that clients write: of what they send nothing else is taken. */
export async function writeStatus(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const { method } = call.request;
  const what = `${method} of ${call.kind.plural}/status`;
  if (call.kind.storesStatus !== true) {
    throw methodNotAllowed(`${what}: the status of ${call.kind.plural} is what nodes report and peers derive; nobody writes it`);
  }
  if (method !== 'PUT' && method !== 'PATCH') throw methodNotAllowed(what);
  const change = method === 'PATCH' ? await readPatch(call, call.kind.schema) : await readWhole(call);
  return lock.run(keyOf(call.kind, call.namespace, call.name), async () => replaceStatus(call, deps, change));
}

async function readWhole(call: ObjectCall): Promise<(object: unknown) => unknown> {
  const body = await readDocument(call.request);
  return () => body;
}

async function replaceStatus(call: ObjectCall, deps: ApiDeps, change: (object: unknown) => unknown): Promise<HttpResponse> {
  const { query } = call.request;
  const current = existing(call, deps);
  const desired = deps.desired.read(keyOf(call.kind, call.namespace, call.name));
  if (desired === undefined) throw notFound(call.kind, call.name);
  const options = { name: call.name, fieldValidation: fieldValidationParameter(query), keepStatus: true };
  const { draft } = decodeDraft(call, change(current), options);
  checkPreconditions(call, draft, current);
  const { status } = prepareDraft(call, draft, desired.object, deps);
  const { status: old, ...rest } = desired.object;
  const written = status === undefined ? rest : { ...rest, status };
  const next = withOwners(call, deps, desired.object, written, { subresource: 'status' });
  if (jsonEqual(status, old)) return respondWith(call, deps, 200, current, []);
  const shown: KubeObject = { ...current, status: draft.status };
  if (dryRunParameter(query.getAll('dryRun'))) return respondWith(call, deps, 200, shown, []);
  const warnings = await writeNext(call, deps, desired, next);
  return respondWith(call, deps, 200, deps.objects.get(desired.key) ?? shown, warnings);
}
