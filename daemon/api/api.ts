/**
 * The Kubernetes REST API of a peer: reads come from the object source, writes go to desired state. It knows HTTP as plain values; sockets are the adapters'
 * business. It must never decide anything about the cluster: it checks, translates and refuses.
 */
import { KithError } from '../../protocol/errors.ts';
import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import { allKinds } from '../../protocol/kinds/registry.ts';
import { KUBERNETES_VERSION, WIRE_VERSION } from '../../protocol/version.ts';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import { negotiate } from './accept.ts';
import { authenticate, authorizePath, authorizeResource } from './authentication.ts';
import type { ApiDeps, ApiOptions, Identity } from './deps.ts';
import { Discovery } from './discovery.ts';
import { answerJoin, answerKith, JOIN_PATH, KITH_PREFIX } from './kith-endpoints.ts';
import { OpenApi } from './openapi.ts';
import { booleanParameter } from './parameters.ts';
import { answerResource, verbOf } from './resources.ts';
import { routeOf, type Route } from './routes.ts';
import { ApiError, jsonResponse, methodNotAllowed, noSuchPath } from './status.ts';
import { KeyedLock } from './timing.ts';

const HEALTH_PATHS = ['/healthz', '/livez', '/readyz'];

export class Api {
  private readonly deps: ApiDeps;
  private readonly options: ApiOptions;
  private readonly kinds: readonly KindDefinition[];
  private readonly discovery: Discovery;
  private readonly openApi: OpenApi;
  private readonly lock = new KeyedLock();

  constructor(deps: ApiDeps, options: ApiOptions) {
    this.deps = deps;
    this.options = options;
    this.kinds = options.kinds ?? allKinds();
    this.discovery = new Discovery(this.kinds);
    this.openApi = new OpenApi(this.discovery);
  }

  /** Answers every request; what goes wrong is a Status. */
  readonly handle = async (request: HttpRequest): Promise<HttpResponse> => {
    try {
      return await this.answer(request);
    } catch (error) {
      return this.failure(request, error);
    }
  };

  private async answer(request: HttpRequest): Promise<HttpResponse> {
    const { path } = request;
    if (path === JOIN_PATH) return answerJoin(request, this.deps.kith);
    const identity = await authenticate(request, this.deps);
    if (path.startsWith(KITH_PREFIX)) return answerKith(request, identity, this.deps.kith);
    const route = routeOf(path, this.kinds);
    if (route?.type === 'resource') {
      const watching = request.method === 'GET' && booleanParameter(request.query, 'watch');
      const resource = route.subresource === undefined ? route.kind.plural : `${route.kind.plural}/${route.subresource}`;
      const verb = verbOf(request.method, route.name, watching);
      authorizeResource(identity, { verb, resource, group: route.kind.group, namespace: route.namespace, name: route.name });
      return answerResource({ ...route, request, identity }, watching, this.deps, this.lock);
    }
    return this.answerPath(request, identity, route);
  }

  private answerPath(request: HttpRequest, identity: Identity, route: Route | undefined): HttpResponse {
    const { method, path } = request;
    authorizePath(identity, method.toLowerCase(), path);
    if (method !== 'GET' && method !== 'HEAD') throw route === undefined ? noSuchPath() : methodNotAllowed(`${method} ${path}`);
    if (route !== undefined) return this.discover(request, route);
    if (path === '/version') return jsonResponse(200, this.version());
    if (HEALTH_PATHS.some((health) => path === health || path.startsWith(`${health}/`))) return this.health(path);
    if (path.startsWith('/openapi/')) return this.openApi.answer(request);
    throw noSuchPath();
  }

  private discover(request: HttpRequest, route: Route): HttpResponse {
    const { discovery } = this;
    switch (route.type) {
      case 'versions':
      case 'groups': {
        const representation = negotiate(request.headers['accept'], ['object', 'APIGroupDiscoveryList']);
        if (representation.as !== 'APIGroupDiscoveryList') {
          return jsonResponse(200, route.type === 'versions' ? discovery.coreVersions() : discovery.groups());
        }
        const { version } = representation;
        const response = jsonResponse(200, discovery.aggregated(route.type === 'versions', version));
        response.headers['content-type'] = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
        return response;
      }
      case 'group':
        return jsonResponse(200, discovery.group(route.group));
      case 'resources':
        return jsonResponse(200, discovery.resources(route.apiVersion));
      case 'resource':
        throw noSuchPath();
    }
  }

  private version(): object {
    const [major, minor] = KUBERNETES_VERSION.replace(/^v/, '').split('.');
    const platform = 'linux/amd64';
    return {
      major,
      minor,
      gitVersion: KUBERNETES_VERSION,
      gitTreeState: 'clean',
      platform,
      kith: this.options.kithVersion,
      wire: WIRE_VERSION,
    };
  }

  private health(path: string): HttpResponse {
    const problems = path.startsWith('/livez') ? [] : this.deps.unready();
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    if (problems.length === 0) return { status: 200, headers, body: 'ok' };
    return { status: 500, headers, body: `${problems.map((problem) => `[-]${problem}`).join('\n')}\nnot ready\n` };
  }

  private failure(request: HttpRequest, error: unknown): HttpResponse {
    const refusal = asApiError(error);
    if (refusal === undefined || refusal.httpStatus >= 500) {
      this.deps.log.error('an API request failed', { method: request.method, path: request.path, error: String(error) });
    }
    const answer =
      refusal ?? new ApiError('InternalError', `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`);
    const response = jsonResponse(answer.httpStatus, answer.toStatus());
    const retryAfter = answer.statusDetails?.retryAfterSeconds;
    if (retryAfter !== undefined) response.headers['retry-after'] = String(retryAfter);
    if (answer.code === 'Unauthorized') response.headers['www-authenticate'] = 'Bearer realm="kith"';
    return response;
  }
}

/** What the replica says, in the API's words. */
function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (!(error instanceof KithError)) return undefined;
  switch (error.code) {
    case 'NotFound':
      return new ApiError('NotFound', error.message, undefined, { cause: error });
    case 'AlreadyExists':
      return new ApiError('AlreadyExists', error.message, undefined, { cause: error });
    case 'Removed':
      return new ApiError('Forbidden', error.message, undefined, { cause: error });
    case 'UidMismatch':
    case 'Overtaken':
      return new ApiError('Conflict', error.message, undefined, { cause: error });
    case 'Invalid':
      return new ApiError('Invalid', error.message, undefined, { cause: error });
    case 'StoreFull':
    case 'ReplicaStopped':
      return new ApiError('ServiceUnavailable', error.message, { retryAfterSeconds: 10 }, { cause: error });
    case 'TooManyRequests':
    case 'ReplicaBusy':
      return new ApiError('TooManyRequests', error.message, { retryAfterSeconds: 1 }, { cause: error });
    default:
      return undefined;
  }
}
