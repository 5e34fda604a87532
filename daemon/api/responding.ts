import type { KubeObject } from '../../protocol/objects.ts';
import type { HttpResponse } from '../ports/http.ts';
import { negotiate } from './accept.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';
import { includeObjectParameter, Renderer, type ShownKind } from './render.ts';
import { jsonResponse } from './status.ts';

/** One object as the client wants to see it; of the call's kind, unless it is another (a Scale). */
export function respondWith(
  call: Omit<ResourceCall, 'kind'> & { kind: ShownKind },
  deps: Pick<ApiDeps, 'clock'>,
  status: number,
  object: KubeObject,
  warnings: readonly string[],
): HttpResponse {
  const { headers, query } = call.request;
  const representation = negotiate(headers['accept'], ['object', 'Table', 'PartialObjectMetadata']);
  const renderer = new Renderer(call.kind, representation, includeObjectParameter(query), () => deps.clock.now());
  return jsonResponse(status, renderer.object(object), warnings);
}
