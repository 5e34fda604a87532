import type { HttpRequest } from '../ports/http.ts';
import type { ApiDeps, Identity } from './deps.ts';
import { ApiError } from './status.ts';

/** Members of this group may do everything, as in Kubernetes. There are no other rights yet. */
export const ADMIN_GROUP = 'system:masters';
const AUTHENTICATED_GROUP = 'system:authenticated';
/** Longer ones are nobody's. */
const MAX_TOKEN_LENGTH = 8 * 1024;

/**
 * Who asks, by the connection first and a bearer token then.
 * @throws ApiError `Unauthorized`
 */
export async function authenticate(
  request: HttpRequest,
  deps: Pick<ApiDeps, 'authenticateToken' | 'certificateCounts'>,
): Promise<Identity> {
  const { credential } = request.connection;
  if (credential.type === 'socket') return { user: 'root', groups: [ADMIN_GROUP, AUTHENTICATED_GROUP] };
  if (credential.type === 'certificate' && deps.certificateCounts?.(credential.fingerprint, credential.user) !== false) {
    return { user: credential.user, groups: [...credential.groups, AUTHENTICATED_GROUP] };
  }
  const token = /^Bearer +([^ ]+) *$/i.exec(request.headers['authorization'] ?? '')?.[1];
  if (token !== undefined && token.length <= MAX_TOKEN_LENGTH) {
    const identity = await deps.authenticateToken(token);
    if (identity !== undefined) return { user: identity.user, groups: [...identity.groups, AUTHENTICATED_GROUP] };
  }
  throw new ApiError('Unauthorized', 'Unauthorized');
}

export function isAdmin(identity: Identity): boolean {
  return identity.groups.includes(ADMIN_GROUP);
}

/** What someone wants to do, in the words of a refusal. */
export interface Attempt {
  verb: string;
  resource: string;
  group: string;
  namespace: string | undefined;
  name: string | undefined;
}

/** @throws ApiError `Forbidden`, in Kubernetes' words */
export function authorizeResource(identity: Identity, attempt: Attempt): void {
  if (isAdmin(identity)) return;
  const { verb, resource, group, namespace, name = '' } = attempt;
  const plural = resource.split('/')[0] ?? resource;
  const what = `${group === '' ? plural : `${plural}.${group}`}${name === '' ? '' : ` "${name}"`} is forbidden`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const message = `${what}: User "${identity.user}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
  throw new ApiError('Forbidden', message, { name, ...(group === '' ? {} : { group }), kind: plural });
}

/** @throws ApiError `Forbidden` */
export function authorizePath(identity: Identity, verb: string, path: string): void {
  if (!isAdmin(identity)) throw new ApiError('Forbidden', `forbidden: User "${identity.user}" cannot ${verb} path "${path}"`, {});
}
