import type { Verb } from '../../protocol/kinds/kind.ts';
import type { HttpResponse } from '../ports/http.ts';
import { requestToken } from './account-tokens.ts';
import { bindPod, evictPod } from './binding.ts';
import { createObject } from './creating.ts';
import { deleteCollection, deleteObject } from './deleting.ts';
import type { ApiDeps, ObjectCall, ResourceCall } from './deps.ts';
import { readLog } from './logging.ts';
import type { ListPages } from './list-pages.ts';
import { patchObject } from './patching.ts';
import { proxyRequest } from './proxying.ts';
import { getObject, listObjects } from './reading.ts';
import { answerReview } from './reviews.ts';
import { scaleObject } from './scaling.ts';
import { attachToPod, execInPod } from './streaming/commands.ts';
import { forwardPorts } from './streaming/port-forward.ts';
import { writeEphemeralContainers } from './ephemeral-containers.ts';
import { ApiError, forbidden, methodNotAllowed, noSuchPath } from './status.ts';
import type { KeyedLock } from './timing.ts';
import { writeStatus } from './status-writing.ts';
import { updateObject } from './updating.ts';
import { watchObjects } from './watching.ts';

const WRITING: readonly Verb[] = ['create', 'update', 'patch', 'delete', 'deletecollection'];

/** Kubernetes' verb of a request, as rights and refusals name it. */
export function verbOf(method: string, name: string | undefined, watching: boolean): Verb {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return watching ? 'watch' : name === undefined ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      throw methodNotAllowed(method);
  }
}

/** What requests share within a peer. */
export interface Shared {
  lock: KeyedLock;
  pages: ListPages;
}

/** One request for a resource, to whoever answers it. */
export async function answerResource(call: ResourceCall, watching: boolean, deps: ApiDeps, shared: Shared): Promise<HttpResponse> {
  const { kind, name } = call;
  const { lock } = shared;
  if (call.subresource !== undefined && name !== undefined) return answerSubresource({ ...call, name }, call.subresource, deps, lock);
  const verb = verbOf(call.request.method, name, watching);
  if (kind.internal === true && WRITING.includes(verb) && !kind.verbs.includes(verb)) {
    throw forbidden(kind, name ?? '', `${kind.plural} are Kith's own books, written by its daemons only`);
  }
  if (!kind.verbs.includes(verb)) throw methodNotAllowed(`${verb} of ${kind.plural}`);
  if (name === undefined) return answerCollection(call, verb, deps, shared);
  const named = { ...call, name };
  switch (verb) {
    case 'get':
      return getObject(named, deps);
    case 'watch':
      return watchObjects(oneByName(named), deps);
    case 'update':
      return updateObject(named, deps, lock);
    case 'patch':
      return patchObject(named, deps, lock);
    case 'delete':
      return deleteObject(named, deps, lock);
    default:
      throw methodNotAllowed(`${verb} of one of ${kind.plural}`);
  }
}

async function answerCollection(call: ResourceCall, verb: Verb, deps: ApiDeps, { lock, pages }: Shared): Promise<HttpResponse> {
  switch (verb) {
    case 'list':
      return listObjects(call, deps, pages);
    case 'watch':
      return watchObjects(call, deps);
    case 'create':
      return call.kind.isReview === true ? answerReview(call, deps) : createObject(call, deps);
    case 'deletecollection':
      return deleteCollection(call, deps, lock);
    default:
      throw methodNotAllowed(`${verb} of all ${call.kind.plural}`);
  }
}

async function answerSubresource(call: ObjectCall, subresource: string, deps: ApiDeps, lock: KeyedLock): Promise<HttpResponse> {
  const { kind, request } = call;
  if (!kind.subresources.includes(subresource)) throw noSuchPath();
  const what = `${request.method} of ${kind.plural}/${subresource}`;
  switch (subresource) {
    case 'scale':
      return scaleObject(call, deps, lock);
    case 'status':
      return request.method === 'GET' ? getObject(call, deps) : writeStatus(call, deps, lock);
    case 'log':
      if (request.method !== 'GET') throw methodNotAllowed(what);
      return readLog(call, deps);
    case 'token':
      if (request.method !== 'POST') throw methodNotAllowed(what);
      return requestToken(call, deps);
    case 'exec':
    case 'attach':
    case 'portforward':
      if (request.method !== 'GET' && request.method !== 'POST') throw methodNotAllowed(what);
      return answerStream(call, subresource, deps);
    case 'binding':
      if (request.method !== 'POST') throw methodNotAllowed(what);
      return bindPod(call, deps, lock);
    case 'ephemeralcontainers':
      return request.method === 'GET' ? getObject(call, deps) : writeEphemeralContainers(call, deps, lock);
    case 'proxy':
      return proxyRequest(call, deps);
    case 'eviction':
      if (request.method !== 'POST') throw methodNotAllowed(what);
      return evictPod(call, deps, lock);
    default:
      throw new ApiError('NotImplemented', `${kind.plural}/${subresource} is not served by Kith yet`);
  }
}

function answerStream(call: ObjectCall, subresource: 'exec' | 'attach' | 'portforward', deps: ApiDeps): Promise<HttpResponse> {
  switch (subresource) {
    case 'exec':
      return execInPod(call, deps);
    case 'attach':
      return attachToPod(call, deps);
    case 'portforward':
      return forwardPorts(call, deps);
  }
}

/** `GET .../pods/web?watch=true` is the watch of the collection, for that name. */
function oneByName(call: ObjectCall): ResourceCall {
  const query = new URLSearchParams(call.request.query);
  const given = query.get('fieldSelector') ?? '';
  query.set('fieldSelector', `metadata.name=${call.name}${given === '' ? '' : `,${given}`}`);
  return { ...call, request: { ...call.request, query } };
}
