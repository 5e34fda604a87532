import { jsonEqual } from '../../protocol/json.ts';
import { validateEphemeralUpdate } from '../../protocol/kinds/ephemeral-container.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import type { HttpResponse } from '../ports/http.ts';
import { readDocument } from './body.ts';
import { decodeDraft } from './decoding.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { withOwners } from './field-owners.ts';
import { dryRunParameter, fieldValidationParameter } from './parameters.ts';
import { readPatch, type Patch } from './patching.ts';
import { prepareDraft } from './preparing.ts';
import { existing, keyOf } from './reading.ts';
import { respondWith } from './responding.ts';
import { invalid, methodNotAllowed, notFound } from './status.ts';
import type { KeyedLock } from './timing.ts';
import { checkPreconditions, writeNext } from './updating.ts';

/** PUT and PATCH of `pods/NAME/ephemeralcontainers` (`kubectl debug`): of the pod that is sent, only those containers are taken. */
export async function writeEphemeralContainers(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const { method } = call.request;
  if (method !== 'PUT' && method !== 'PATCH') throw methodNotAllowed(`${method} of pods/ephemeralcontainers`);
  const change = method === 'PATCH' ? await readPatch(call, call.kind.schema) : await readWhole(call);
  return lock.run(keyOf(call.kind, call.namespace, call.name), async () => replaceEphemeral(call, deps, change));
}

async function readWhole(call: ObjectCall): Promise<Patch> {
  const body = await readDocument(call.request);
  return () => body;
}

async function replaceEphemeral(call: ObjectCall, deps: ApiDeps, change: Patch): Promise<HttpResponse> {
  const { query } = call.request;
  const current = existing(call, deps);
  const desired = deps.desired.read(keyOf(call.kind, call.namespace, call.name));
  if (desired === undefined) throw notFound(call.kind, call.name);
  const sent = decodeDraft(call, change(current), { name: call.name, fieldValidation: fieldValidationParameter(query) });
  checkPreconditions(call, sent.draft, current);
  const before = desired.object as Pod;
  const { ephemeralContainers } = (sent.draft as Pod).spec;
  const { ephemeralContainers: _before, ...rest } = before.spec;
  const spec = { ...rest, ...(ephemeralContainers === undefined ? {} : { ephemeralContainers }) };
  const errors = validateEphemeralUpdate(before.spec, spec);
  if (errors.length > 0) throw invalid(call.kind, call.name, errors);
  // Once more in the pod that they come to: what was sent with them may differ from it.
  const checked = decodeDraft(call, { ...before, kith: undefined, spec }, { name: call.name, fieldValidation: 'Ignore' });
  prepareDraft(call, checked.draft, before, deps);
  if (jsonEqual(spec, before.spec)) return respondWith(call, deps, 200, current, sent.warnings);
  const next = withOwners(call, deps, before, { ...before, spec }, { subresource: 'ephemeralcontainers' });
  const shown: KubeObject = { ...current, spec: { ...(current as Pod).spec, ephemeralContainers } };
  if (dryRunParameter(query.getAll('dryRun'))) return respondWith(call, deps, 200, shown, sent.warnings);
  const warnings = await writeNext(call, deps, desired, next);
  return respondWith(call, deps, 200, deps.objects.get(desired.key) ?? shown, [...sent.warnings, ...warnings]);
}
