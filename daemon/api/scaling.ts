import type { KubeObject } from '../../protocol/objects.ts';
import type { FieldError } from '../../protocol/kinds/kind.ts';
import type { LabelSelector } from '../../protocol/types.ts';
import { formatSelector, selectorOf } from '../../protocol/values/label-selector.ts';
import type { HttpResponse } from '../ports/http.ts';
import { isRecord, readDocument } from './body.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { dryRunParameter } from './parameters.ts';
import { readPatch } from './patching.ts';
import { existing, keyOf } from './reading.ts';
import { ApiError, invalid, jsonResponse, methodNotAllowed, notFound } from './status.ts';
import type { KeyedLock } from './timing.ts';
import { checkPreconditions, writeNext } from './updating.ts';

const SCALE = { group: 'autoscaling', kind: 'Scale' };
const MAX_INT32 = 2 ** 31 - 1;

/** The `scale` subresource: GET, PUT and PATCH of an autoscaling/v1 Scale. */
export async function scaleObject(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const { method } = call.request;
  if (method === 'GET') return jsonResponse(200, scaleOf(existing(call, deps)));
  if (method !== 'PUT' && method !== 'PATCH') throw methodNotAllowed(`${method} of ${call.kind.plural}/scale`);
  const change = method === 'PATCH' ? await readPatch(call) : await readWhole(call);
  return lock.run(keyOf(call.kind, call.namespace, call.name), async () => writeScale(call, deps, change));
}

async function readWhole(call: ObjectCall): Promise<(scale: unknown) => unknown> {
  const body = await readDocument(call.request);
  return () => body;
}

async function writeScale(call: ObjectCall, deps: ApiDeps, change: (scale: unknown) => unknown): Promise<HttpResponse> {
  const current = existing(call, deps);
  const desired = deps.desired.read(keyOf(call.kind, call.namespace, call.name));
  if (desired === undefined) throw notFound(call.kind, call.name);
  const scale = change(scaleOf(current));
  if (!isRecord(scale)) throw new ApiError('BadRequest', 'a Scale must be an object');
  const metadata = isRecord(scale['metadata']) ? scale['metadata'] : {};
  checkPreconditions(call, { metadata }, current);
  const replicas = replicasOf(call, scale);
  const { object } = desired;
  const next = { ...object, spec: { ...(object['spec'] as object), replicas } };
  const unchanged = (object['spec'] as { replicas?: number }).replicas === replicas;
  const dryRun = dryRunParameter(call.request.query.getAll('dryRun'));
  const warnings = unchanged || dryRun ? [] : await writeNext(call, deps, desired, next);
  const shown = dryRun ? { ...current, spec: next.spec } : existing(call, deps);
  return jsonResponse(200, scaleOf(shown), warnings);
}

function replicasOf(call: ObjectCall, scale: Record<string, unknown>): number {
  const spec = isRecord(scale['spec']) ? scale['spec'] : {};
  const replicas = spec['replicas'] ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas > MAX_INT32) {
    throw new ApiError('BadRequest', `spec.replicas must be a 32-bit integer, not ${JSON.stringify(replicas)}`);
  }
  if (replicas >= 0) return replicas;
  const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
  const error: FieldError = { field: 'spec.replicas', reason: 'FieldValueInvalid', message };
  throw invalid(SCALE, call.name, [error]);
}

function scaleOf(object: KubeObject): object {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const spec = object['spec'] as { replicas?: number; selector?: unknown };
  const status = object['status'] as { replicas?: number } | undefined;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec.replicas ?? 1 },
    status: { replicas: status?.replicas ?? 0, selector: selectorText(object.kind, spec.selector) },
  };
}

/** A ReplicationController's selector is the labels themselves. */
function selectorText(kind: string, selector: unknown): string {
  if (!isRecord(selector)) return '';
  const whole: LabelSelector = kind === 'ReplicationController' ? { matchLabels: selector as Record<string, string> } : selector;
  return formatSelector(selectorOf(whole));
}
