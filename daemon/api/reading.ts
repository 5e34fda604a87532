import { KithError } from '../../protocol/errors.ts';
import { groupResourceOf, inVersion, type KindDefinition } from '../../protocol/kinds/kind.ts';
import { type KubeObject, objectKey } from '../../protocol/objects.ts';
import type { HttpResponse } from '../ports/http.ts';
import { negotiate } from './accept.ts';
import type { ApiDeps, ObjectCall, ResourceCall } from './deps.ts';
import type { ListPage, ListPages } from './list-pages.ts';
import { integerParameter } from './parameters.ts';
import { includeObjectParameter, Renderer } from './render.ts';
import { Selection } from './selection.ts';
import { ApiError, jsonResponse, notFound } from './status.ts';

/** GET and LIST. */
export function getObject(call: ObjectCall, deps: ApiDeps): HttpResponse {
  const { query, headers } = call.request;
  const representation = negotiate(headers['accept'], ['object', 'Table', 'PartialObjectMetadata']);
  const renderer = new Renderer(call.kind, representation, includeObjectParameter(query), () => deps.clock.now());
  return jsonResponse(200, renderer.object(existing(call, deps)));
}

export function listObjects(call: ResourceCall, deps: ApiDeps, pages: ListPages): HttpResponse {
  const { query, headers } = call.request;
  const representation = negotiate(headers['accept'], ['object', 'Table', 'PartialObjectMetadataList']);
  const renderer = new Renderer(call.kind, representation, includeObjectParameter(query), () => deps.clock.now());
  const { items, resourceVersion, continueToken, remainingItemCount } = listPage(call, deps, pages);
  const body = renderer.listText(items, { resourceVersion, continue: continueToken, remainingItemCount });
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

function listPage(call: ResourceCall, deps: ApiDeps, pages: ListPages): ListPage {
  const { query } = call.request;
  const resource = groupResourceOf(call.kind);
  const limit = integerParameter(query, 'limit') ?? 0;
  const token = query.get('continue') ?? '';
  const [labels, fields] = [query.get('labelSelector') ?? '', query.get('fieldSelector') ?? ''];
  const question = JSON.stringify([resource, call.namespace, labels, fields]);
  const selection = new Selection(call, query);
  if (token !== '') return pages.next(question, token, limit);
  checkListVersion(resource, query, deps);
  const { items, resourceVersion } = deps.objects.list(resource, call.namespace);
  return pages.first(question, { items: items.filter((item) => selection.matches(item)), resourceVersion }, limit);
}

/** In the version that was asked for. @throws ApiError `NotFound` */
export function existing(call: ObjectCall, deps: Pick<ApiDeps, 'objects'>): KubeObject {
  const found = deps.objects.get(keyOf(call.kind, call.namespace, call.name));
  if (found === undefined) throw notFound(call.kind, call.name);
  return inVersion(call.kind, found);
}

export function keyOf(kind: KindDefinition, namespace: string | undefined, name: string): string {
  return objectKey(groupResourceOf(kind), namespace ?? '', name);
}

export function expired(version: string, cause?: unknown): ApiError {
  const message = `too old resource version: ${version} is not one that this peer can go on from; list again`;
  return new ApiError('Expired', message, undefined, { cause });
}

/** Whether this peer gave the version out, and lately. */
export function versionIsKnown(resource: string, version: string, deps: Pick<ApiDeps, 'objects'>): boolean {
  try {
    deps.objects.watch(resource, version, AbortSignal.abort());
    return true;
  } catch (error) {
    if (error instanceof KithError && error.code === 'Expired') return false;
    throw error;
  }
}

/** What is served is always the newest state, which satisfies every version that this peer gave out; another peer's numbers mean nothing here. */
function checkListVersion(resource: string, query: URLSearchParams, deps: ApiDeps): void {
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  if (match !== '' && match !== 'NotOlderThan' && match !== 'Exact') {
    throw new ApiError('BadRequest', `resourceVersionMatch: Unsupported value: "${match}": supported values: "Exact", "NotOlderThan"`);
  }
  if (match !== '' && version === '') {
    throw new ApiError(
      'BadRequest',
      'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  }
  if (version === '' || version === '0') return;
  const served = match === 'Exact' ? version === deps.objects.resourceVersion() : versionIsKnown(resource, version, deps);
  if (!served) throw expired(version);
}
