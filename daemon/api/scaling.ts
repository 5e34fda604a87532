import type { KubeObject } from '../../protocol/objects.ts';
import { ageColumn, fieldColumn, fieldOf, nameColumn } from '../../protocol/kinds/columns.ts';
import type { FieldError, KindDefinition } from '../../protocol/kinds/kind.ts';
import type { Schema } from '../../protocol/schema/schema.ts';
import type { LabelSelector } from '../../protocol/types.ts';
import { formatSelector, selectorOf } from '../../protocol/values/label-selector.ts';
import type { HttpResponse } from '../ports/http.ts';
import { isRecord, readDocument } from './body.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { withOwners } from './field-owners.ts';
import { dryRunParameter } from './parameters.ts';
import { readPatch } from './patching.ts';
import { existing, keyOf } from './reading.ts';
import { respondWith } from './responding.ts';
import { ApiError, invalid, methodNotAllowed, notFound } from './status.ts';
import type { KeyedLock } from './timing.ts';
import { checkPreconditions, writeNext } from './updating.ts';

const SCALE = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  columns: [
    nameColumn,
    fieldColumn('Desired', 'spec.replicas', 'How many pods are asked for.', 0),
    fieldColumn('Available', 'status.replicas', 'How many pods there are.', 0),
    ageColumn,
  ],
};
/** A Scale has no lists to merge. */
const SCALE_SCHEMA: Schema = { type: 'any', description: 'A Scale.' };
const MAX_INT32 = 2 ** 31 - 1;

/** The `scale` subresource: GET, PUT and PATCH of an autoscaling/v1 Scale. */
export async function scaleObject(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const { method } = call.request;
  if (method === 'GET') return showScale(call, deps, existing(call, deps), []);
  if (method !== 'PUT' && method !== 'PATCH') throw methodNotAllowed(`${method} of ${call.kind.plural}/scale`);
  const change = method === 'PATCH' ? await readPatch(call, SCALE_SCHEMA) : await readWhole(call);
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
  const scale = change(scaleOf(call.kind, current));
  if (!isRecord(scale)) throw new ApiError('BadRequest', 'a Scale must be an object');
  const metadata = isRecord(scale['metadata']) ? scale['metadata'] : {};
  checkPreconditions(call, { metadata }, current);
  const replicas = replicasOf(call, scale);
  const { object } = desired;
  const { spec: path } = pathsOf(call.kind);
  const next = withOwners(call, deps, object, setField(object, path, replicas), { subresource: 'scale' });
  const unchanged = fieldOf(object, path) === replicas;
  const dryRun = dryRunParameter(call.request.query.getAll('dryRun'));
  const warnings = unchanged || dryRun ? [] : await writeNext(call, deps, desired, next);
  const shown = dryRun ? setField(current, path, replicas) : existing(call, deps);
  return showScale(call, deps, shown, warnings);
}

function showScale(call: ObjectCall, deps: ApiDeps, object: KubeObject, warnings: readonly string[]): HttpResponse {
  return respondWith({ ...call, kind: SCALE }, deps, 200, scaleOf(call.kind, object), warnings);
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

function scaleOf(kind: KindDefinition, object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const paths = pathsOf(kind);
  const count = (path: string, otherwise: number): number => {
    const value = fieldOf(object, path);
    return typeof value === 'number' ? value : otherwise;
  };
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    // A custom kind says itself what its default is.
    spec: { replicas: count(paths.spec, kind.scalePaths === undefined ? 1 : 0) },
    status: { replicas: count(paths.status, 0), selector: selectorText(object.kind, fieldOf(object, paths.selector)) },
  };
}

const WORKLOAD_PATHS = { spec: 'spec.replicas', status: 'status.replicas', selector: 'spec.selector' };

function pathsOf(kind: KindDefinition): typeof WORKLOAD_PATHS {
  return kind.scalePaths ?? WORKLOAD_PATHS;
}

function setField<T extends object>(object: T, path: string, value: unknown): T {
  const [first = '', ...rest] = path.split('.');
  const member = (object as Record<string, unknown>)[first];
  return { ...object, [first]: rest.length === 0 ? value : setField(isRecord(member) ? member : {}, rest.join('.'), value) };
}

/** A ReplicationController's selector is the labels themselves. */
function selectorText(kind: string, selector: unknown): string {
  if (typeof selector === 'string') return selector;
  if (!isRecord(selector)) return '';
  const whole: LabelSelector = kind === 'ReplicationController' ? { matchLabels: selector as Record<string, string> } : selector;
  return formatSelector(selectorOf(whole));
}
