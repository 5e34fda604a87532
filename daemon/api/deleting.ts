import { KithError } from '../../protocol/errors.ts';
import { groupResourceOf } from '../../protocol/kinds/kind.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Member } from '../../protocol/types.ts';
import { DEFAULT_NAMESPACES } from '../core/controllers/namespaces.ts';
import { planDeletion } from '../core/deletion.ts';
import type { Disruption } from '../core/disruption.ts';
import type { HttpResponse } from '../ports/http.ts';
import { isRecord, readDocument } from './body.ts';
import type { ApiDeps, ObjectCall, ResourceCall } from './deps.ts';
import { dryRunParameter, integerParameter } from './parameters.ts';
import { existing, keyOf } from './reading.ts';
import { ApiError, conflict, forbidden, invalid, jsonResponse, notFound, success } from './status.ts';
import { respondWith } from './responding.ts';
import { Selection } from './selection.ts';
import { apiVersionOf } from '../../protocol/kinds/kind.ts';
import type { KeyedLock } from './timing.ts';

/** Deletions of one request that wait for their acknowledgement at the same time. */
const PARALLEL_DELETIONS = 32;

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  /** Undefined: in the background. */
  propagation?: 'Foreground' | 'Orphan';
  dryRun: boolean;
  preconditions: { uid?: string; resourceVersion?: string };
}

/** DELETE of one object. */
export async function deleteObject(call: ObjectCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const options = readDeleteOptions(await readDocument(call.request), call.request.query);
  const { object, gone, warnings } = await lock.run(keyOf(call.kind, call.namespace, call.name), () => deleteOne(call, deps, options));
  // As upstream: pods, and whatever is still there, are shown as they are; for the rest a Status tells.
  if (!gone || call.kind.kind === 'Pod') return respondWith(call, deps, 200, object, warnings);
  const { group, plural } = call.kind;
  const details = { name: call.name, ...(group === '' ? {} : { group }), kind: plural, uid: object.metadata.uid };
  return jsonResponse(200, success(details), warnings);
}

/** DELETE of a collection: each object for itself; what went away meanwhile is no error. */
export async function deleteCollection(call: ResourceCall, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  if (call.kind.namespaced && call.namespace === undefined) throw new ApiError('MethodNotAllowed', 'deletecollection needs a namespace');
  const options = readDeleteOptions(await readDocument(call.request), call.request.query);
  const selection = new Selection(call, call.request.query);
  const { items, resourceVersion } = deps.objects.list(groupResourceOf(call.kind), call.namespace);
  const waiting = items.filter((item) => selection.matches(item));
  const deleted: KubeObject[] = [];
  const warnings: string[] = [];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      const { name, namespace } = item.metadata;
      try {
        const result = await lock.run(keyOf(call.kind, namespace, name), () => deleteOne({ ...call, namespace, name }, deps, options));
        deleted.push(result.object);
        warnings.push(...result.warnings);
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 'NotFound') throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_DELETIONS }, worker));
  const list = { kind: `${call.kind.kind}List`, apiVersion: apiVersionOf(call.kind), metadata: { resourceVersion }, items: deleted };
  return jsonResponse(200, list, warnings);
}

/** To be called under the key's lock. */
export async function deleteOne(
  call: ObjectCall,
  deps: ApiDeps,
  options: DeleteOptions,
  disruption?: Disruption,
): Promise<{ object: KubeObject; gone: boolean; warnings: string[] }> {
  const current = existing(call, deps);
  const target = deps.desired.read(keyOf(call.kind, call.namespace, call.name));
  if (target === undefined) throw notFound(call.kind, call.name);
  checkDeletion(call, current, options);
  await checkElector(call, deps, options);
  const { gracePeriodSeconds, propagation } = options;
  const world = {
    nodeIsMember: (node: string) => deps.nodeIsMember(node),
    memberOf: (node: string) => deps.memberOf?.(node),
    joinTokens: () => deps.joinTokens?.() ?? [],
  };
  const plan = planDeletion(world, target, { gracePeriodSeconds, propagation, disruption }, deps.clock.now());
  const gone = plan.outcome === 'buried';
  if (options.dryRun || plan.mutations.length === 0) return { object: current, gone, warnings: [] };
  try {
    const { warnings } = await deps.desired.write(plan.mutations);
    return { object: (gone ? undefined : deps.objects.get(target.key)) ?? current, gone, warnings };
  } catch (error) {
    if (error instanceof KithError && (error.code === 'NotFound' || error.code === 'UidMismatch')) throw notFound(call.kind, call.name);
    throw error;
  }
}

export function checkDeletion(call: ObjectCall, current: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions;
  const { metadata } = current;
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(call.kind, call.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const meta = metadata.resourceVersion ?? '';
    throw conflict(
      call.kind,
      call.name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${meta}`,
    );
  }
  // Kubernetes keeps these, too.
  if (call.kind.kind === 'Namespace' && DEFAULT_NAMESPACES.includes(call.name)) {
    throw forbidden(call.kind, call.name, 'this namespace may not be deleted');
  }
}

/** One of two is no majority of them, and a removal is no word that a host is off: two sides of a cut may remove each other (core/leases/voter.ts). */
async function checkElector({ kind, name }: ObjectCall, deps: ApiDeps, { gracePeriodSeconds }: DeleteOptions): Promise<void> {
  if (kind.group !== '' || kind.kind !== 'Node' || gracePeriodSeconds === 0) return;
  const peer = (deps.memberOf?.(name)?.object as Member | undefined)?.spec.peerId;
  if (peer === undefined) return;
  const electors = (await deps.electors?.()) ?? [];
  const isLast = electors.length === 1 && deps.bindingAuthor().membersKnown === 1;
  if (electors.length > 2 || !electors.includes(peer) || isLast) return;
  const others =
    electors.length === 1
      ? 'Wait until others vote ("kith peers").'
      : `Where a third has just joined, wait for its vote ("kith peers"). Otherwise stop kithd on ${name}, and 12 s later, when what ran so there has ended, "kith confirm-dead ${name}"; delete the node when "kith peers" shows no vote of it, some 12 s after that.`;
  throw conflict(
    kind,
    name,
    `it is ${electors.length === 1 ? 'the only member that votes' : 'one of the two members that vote'} on what may run at most once (StatefulSets, kith.dev/partition: majority), and without it nothing of that starts any more, whatever joins later. ` +
      `${others} Where nothing is ever to run at most once: --force --grace-period=0`,
  );
}

/**
 * DeleteOptions from the body, or from the query where the body does not say.
 * @throws ApiError `BadRequest`
 */
export function readDeleteOptions(body: unknown, query: URLSearchParams): DeleteOptions {
  if (body !== undefined && body !== null && !isRecord(body)) throw new ApiError('BadRequest', 'DeleteOptions must be an object');
  const given = isRecord(body) ? body : {};
  if (given['kind'] !== undefined && given['kind'] !== 'DeleteOptions') {
    throw new ApiError('BadRequest', `the body of a deletion must be DeleteOptions, not ${JSON.stringify(given['kind'])}`);
  }
  const grace = given['gracePeriodSeconds'] ?? integerParameter(query, 'gracePeriodSeconds');
  if (grace !== undefined && (typeof grace !== 'number' || !Number.isInteger(grace))) {
    throw new ApiError('BadRequest', `gracePeriodSeconds must be an integer, not ${JSON.stringify(grace)}`);
  }
  const propagation = readPropagation(
    given['propagationPolicy'] ?? query.get('propagationPolicy') ?? '',
    given['orphanDependents'] ?? query.get('orphanDependents'),
  );
  const dryRun = Array.isArray(given['dryRun']) ? given['dryRun'].map(String) : query.getAll('dryRun');
  return {
    gracePeriodSeconds: grace,
    propagation,
    dryRun: dryRunParameter(dryRun),
    preconditions: readPreconditions(given['preconditions']),
  };
}

function readPreconditions(value: unknown): DeleteOptions['preconditions'] {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) throw new ApiError('BadRequest', 'preconditions must be an object');
  const preconditions: DeleteOptions['preconditions'] = {};
  for (const name of ['uid', 'resourceVersion'] as const) {
    const text = value[name];
    if (text === undefined || text === null) continue;
    if (typeof text !== 'string') throw new ApiError('BadRequest', `preconditions.${name} must be a string`);
    preconditions[name] = text;
  }
  return preconditions;
}

function readPropagation(policy: unknown, orphan: unknown): DeleteOptions['propagation'] {
  const options = { group: 'meta.k8s.io', kind: 'DeleteOptions' };
  const orphans = orphan === true || orphan === 'true';
  if (policy !== '' && orphan !== undefined && orphan !== null) {
    const message = 'Invalid value: orphanDependents and deletionPropagation cannot be both set';
    throw invalid(options, '', [{ field: 'propagationPolicy', reason: 'FieldValueInvalid', message }]);
  }
  if (policy === 'Foreground' || policy === 'Orphan') return policy;
  if (policy === '' || policy === 'Background') return orphans ? 'Orphan' : undefined;
  const message = `Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan"`;
  throw invalid(options, '', [{ field: 'propagationPolicy', reason: 'FieldValueNotSupported', message }]);
}
