import { AUTHENTICATED_GROUP, accountGroups, allows, EVERYTHING, type Identity, rulesOf } from '../core/authorization/authorizer.ts';
import { type ResourceAccess, uncoveredRules } from '../core/authorization/rules.ts';
import type { HttpRequest } from '../ports/http.ts';
import type { ApiDeps } from './deps.ts';
import { ApiError } from './status.ts';

/** Whether somebody may do what is asked for. Every route asks here first. */
type RoleDeps = Pick<ApiDeps, 'rbac'>;

/** Subresources that connect to a container: whoever may only read must not get in, though the request is a GET. As upstream since 1.35. */
const CONNECTING = ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'services/proxy', 'nodes/proxy'];

/** @throws ApiError `Forbidden`, in Kubernetes' words */
export function authorizeResource(identity: Identity, request: ResourceAccess, deps: RoleDeps): void {
  const verbs = CONNECTING.includes(request.resource) && request.verb === 'get' ? ['get', 'create'] : [request.verb];
  for (const verb of verbs) {
    if (!allows(deps.rbac, identity, { ...request, verb })) throw refusal(identity, { ...request, verb });
  }
}

/** @throws ApiError `Forbidden` */
export function authorizePath(identity: Identity, verb: string, path: string, deps: RoleDeps): void {
  if (allows(deps.rbac, identity, { verb, path })) return;
  throw new ApiError('Forbidden', `forbidden: User "${identity.user}" cannot ${verb} path "${path}"`, {});
}

/**
 * For what gives power over everything away: who joins a host, or gets a certificate of any group, is root on the cluster.
 * @throws ApiError `Forbidden`
 */
export function authorizeEverything(identity: Identity, what: string, deps: RoleDeps): void {
  if (uncoveredRules([...rulesOf(deps.rbac, identity, undefined)], EVERYTHING).length === 0) return;
  throw new ApiError(
    'Forbidden',
    `forbidden: User "${identity.user}" cannot ${what}: that takes all rights in the cluster (cluster-admin)`,
    {},
  );
}

function refusal(identity: Identity, { verb, resource, group, namespace, name = '' }: ResourceAccess): ApiError {
  const plural = resource.split('/')[0] ?? resource;
  const what = `${group === '' ? plural : `${plural}.${group}`}${name === '' ? '' : ` "${name}"`} is forbidden`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const message = `${what}: User "${identity.user}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
  return new ApiError('Forbidden', message, { name, ...(group === '' ? {} : { group }), kind: plural });
}

const MAX_GROUPS = 100;

/**
 * Whom the request is made for, where a client asks as somebody else (`kubectl --as`): that takes rights of its own.
 * @throws ApiError `Forbidden` | `BadRequest`
 */
export function impersonated(request: HttpRequest, identity: Identity, deps: RoleDeps): Identity {
  const user = request.headers['impersonate-user'];
  const given = request.headers['impersonate-group'];
  const extra = Object.keys(request.headers).some((header) => header === 'impersonate-uid' || header.startsWith('impersonate-extra-'));
  if (extra) throw new ApiError('BadRequest', 'Impersonate-Uid and Impersonate-Extra are not supported by Kith');
  if (user === undefined) {
    if (given !== undefined) throw new ApiError('BadRequest', 'Impersonate-Group needs Impersonate-User');
    return identity;
  }
  // Node joins headers of the same name.
  const groups = (given ?? '')
    .split(',')
    .map((group) => group.trim())
    .filter((group) => group !== '');
  if (groups.length > MAX_GROUPS) throw new ApiError('BadRequest', `more than ${MAX_GROUPS} groups`);
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user);
  const ask = (resource: string, name: string, namespace?: string): void =>
    authorizeResource(identity, { verb: 'impersonate', group: '', resource, namespace, name }, deps);
  if (account === null) ask('users', user);
  else ask('serviceaccounts', account[2] ?? '', account[1]);
  for (const group of groups) ask('groups', group);
  const own = account === null || groups.length > 0 ? groups : accountGroups(account[1] ?? '');
  return { user, groups: own.includes(AUTHENTICATED_GROUP) ? own : [...own, AUTHENTICATED_GROUP] };
}
