import type { HttpResponse } from '../ports/http.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import { isGated } from '../core/cluster/pods.ts';
import { isRecord, readDocument } from './body.ts';
import { userBinding } from './creating.ts';
import { checkDeletion, deleteOne, readDeleteOptions, type DeleteOptions } from './deleting.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { dryRunParameter } from './parameters.ts';
import { existing, keyOf } from './reading.ts';
import { ApiError, conflict, jsonResponse, notFound } from './status.ts';
import { budgetOf, checkBudget } from './eviction.ts';
import type { KeyedLock } from './timing.ts';
import { writeNext } from './updating.ts';

/** POST `pods/NAME/binding`: puts a pod that has no node onto one, as schedulers do. */
export async function bindPod(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const node = targetOf(await readDocument(call.request));
  const dryRun = dryRunParameter(call.request.query.getAll('dryRun'));
  const key = keyOf(call.kind, call.namespace, call.name);
  return lock.run(key, async () => {
    const pod = deps.desired.read(key);
    if (pod === undefined) throw notFound(call.kind, call.name);
    const binding = { group: '', plural: 'pods/binding' };
    const bound = pod.object.kith?.binding?.node;
    if (bound !== undefined) throw conflict(binding, call.name, `pod ${call.name} is already assigned to node "${bound}"`);
    if (pod.object.metadata.deletionTimestamp !== undefined) {
      throw conflict(binding, call.name, `pod ${call.name} is being deleted, cannot be assigned to a host`);
    }
    if (isGated((pod.object as Pod).spec)) {
      throw conflict(binding, call.name, `pod ${call.name} has non-empty .spec.schedulingGates`);
    }
    if (deps.objects.get(objectKey('nodes', '', node)) === undefined) throw notFound({ group: '', plural: 'nodes' }, node);
    const next = { ...pod.object, kith: { ...pod.object.kith, binding: userBinding(node, deps) } };
    const warnings = dryRun ? [] : await writeNext(call, deps, pod, next);
    return created(warnings);
  });
}

/** POST `pods/NAME/eviction`: deletes a pod, or has it replaced first, unless a disruption budget forbids it. One eviction at a time under a budget, so that each sees what the last one took. */
export async function evictPod(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const body = await readDocument(call.request);
  if (!isRecord(body)) throw new ApiError('BadRequest', 'an Eviction must be an object');
  const options = readDeleteOptions(body['deleteOptions'], call.request.query);
  const evict = async () => lock.run(keyOf(call.kind, call.namespace, call.name), () => evictOne(call, deps, options));
  const budget = budgetOf(call, deps);
  if (budget === undefined) return created((await evict()).warnings);
  return lock.run(`budget/${budget.metadata.namespace ?? ''}/${budget.metadata.name}`, async () => {
    checkBudget(call, deps);
    return created((await evict()).warnings);
  });
}

/** Whoever gives it another grace period wants the pod to stop, as upstream. */
async function evictOne(call: ObjectCall, deps: ApiDeps, options: DeleteOptions): Promise<{ warnings: string[] }> {
  const pod = deps.desired.read(keyOf(call.kind, call.namespace, call.name));
  const mutations = pod === undefined || options.gracePeriodSeconds !== undefined ? undefined : deps.planEviction?.(pod);
  if (mutations === undefined) return deleteOne(call, deps, options, 'eviction');
  checkDeletion(call, existing(call, deps), options);
  if (options.dryRun || mutations.length === 0) return { warnings: [] };
  return { warnings: (await deps.desired.write(mutations)).warnings };
}

function created(warnings: readonly string[]): HttpResponse {
  return jsonResponse(201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }, warnings);
}

function targetOf(body: unknown): string {
  const target = isRecord(body) && isRecord(body['target']) ? body['target'] : {};
  const { name, kind } = target;
  if (typeof name !== 'string' || name === '') throw new ApiError('BadRequest', 'target.name: Required value: a binding names a node');
  if (kind !== undefined && kind !== '' && kind !== 'Node')
    throw new ApiError('BadRequest', 'target.kind: Unsupported value: supported values: "Node"');
  return name;
}
