/**
 * The Kubernetes REST API of a peer: reads come from the object source, writes go to desired state. It knows HTTP as plain values; sockets are the adapters'
 * business. It must never decide anything about the cluster: it checks, translates and refuses.
 */
import { KithError } from '../../protocol/errors.ts';
import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import { servedKinds } from '../../protocol/kinds/registry.ts';
import { KUBERNETES_VERSION, WIRE_VERSION } from '../../protocol/version.ts';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import { negotiate } from './accept.ts';
import { authenticate } from './authentication.ts';
import { authorizePath, authorizeResource, impersonated } from './authorization.ts';
import type { ApiDeps, ApiOptions, Identity } from './deps.ts';
import { Discovery } from './discovery.ts';
import { answerJoin, answerKith, JOIN_PATH, KITH_PREFIX } from './kith-endpoints.ts';
import { ListPages } from './list-pages.ts';
import { OpenApi } from './openapi.ts';
import { booleanParameter } from './parameters.ts';
import { answerResource, type Shared, verbOf } from './resources.ts';
import { routeOf, type ResourceRoute, type Route } from './routes.ts';
import { ApiError, jsonResponse, methodNotAllowed, noSuchPath } from './status.ts';
import { KeyedLock } from './timing.ts';

interface Served {
  kinds: readonly KindDefinition[];
  discovery: Discovery;
  openApi: OpenApi;
}

const OWN_KINDS = servedKinds();
const HEALTH_PATHS = ['/healthz', '/livez', '/readyz'];

export class Api {
  private readonly deps: ApiDeps;
  private readonly options: ApiOptions;
  private served: Served | undefined;
  private readonly shared: Shared;

  constructor(deps: ApiDeps, options: ApiOptions) {
    this.deps = deps;
    this.options = options;
    this.shared = { lock: new KeyedLock(), pages: new ListPages(deps) };
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
    const identity = impersonated(request, await authenticate(request, this.deps), this.deps);
    if (path.startsWith(KITH_PREFIX)) return answerKith(request, identity, this.deps);
    const route = routeOf(path, this.current().kinds);
    if (route?.type === 'resource') {
      const watching = request.method === 'GET' && booleanParameter(request.query, 'watch');
      const resource = route.subresource === undefined ? route.kind.plural : `${route.kind.plural}/${route.subresource}`;
      const verb = verbOf(request.method, route.name, watching);
      authorizeResource(identity, { verb, resource, group: route.kind.group, ...placeOf(route, request) }, this.deps);
      await this.deps.heard?.();
      return answerResource({ ...route, request, identity }, watching, this.deps, this.shared);
    }
    return this.answerPath(request, identity, route);
  }

  /** What is served changes with the definitions of custom kinds. */
  private current(): Served {
    const kinds = this.options.kinds ?? this.deps.kinds?.() ?? OWN_KINDS;
    if (this.served?.kinds !== kinds) {
      const discovery = new Discovery(kinds);
      this.served = { kinds, discovery, openApi: new OpenApi(discovery) };
    }
    return this.served;
  }

  private answerPath(request: HttpRequest, identity: Identity, route: Route | undefined): HttpResponse {
    const { method, path } = request;
    authorizePath(identity, method.toLowerCase(), path, this.deps);
    if (method !== 'GET' && method !== 'HEAD') throw route === undefined ? noSuchPath() : methodNotAllowed(`${method} ${path}`);
    if (route !== undefined) return this.discover(request, route);
    if (path === '/version') return jsonResponse(200, this.version());
    if (HEALTH_PATHS.some((health) => path === health || path.startsWith(`${health}/`))) return this.health(path);
    if (path.startsWith('/openapi/')) return this.current().openApi.answer(request);
    throw noSuchPath();
  }

  private discover(request: HttpRequest, route: Route): HttpResponse {
    const { discovery } = this.current();
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
      // What is not to be had now is no fault of this daemon.
      const level = refusal?.code === 'ServiceUnavailable' ? 'warn' : 'error';
      this.deps.log[level]('an API request failed', { method: request.method, path: request.path, error: String(error) });
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

/**
 * Where rights must hold. As upstream: a namespace is in itself, and a list or watch that selects one name is about that name.
 * Source: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go.
 */
function placeOf(
  { kind, namespace, name }: ResourceRoute,
  request: HttpRequest,
): { namespace: string | undefined; name: string | undefined } {
  if (name === undefined) {
    // What is written is not what a selector names.
    if (request.method !== 'GET') return { namespace, name: undefined };
    const selected = /^metadata\.name=([^,=!]+)$/.exec(request.query.get('fieldSelector') ?? '')?.[1];
    return { namespace, name: selected };
  }
  return { namespace: kind.kind === 'Namespace' && kind.group === '' ? name : namespace, name };
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
