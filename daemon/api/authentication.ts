import type { HttpRequest } from '../ports/http.ts';
import { ADMIN_GROUP, AUTHENTICATED_GROUP, type Identity } from '../core/authorization/authorizer.ts';
import type { ApiDeps } from './deps.ts';
import { ApiError } from './status.ts';

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
    if (identity !== undefined) return { ...identity, groups: [...identity.groups, AUTHENTICATED_GROUP] };
  }
  throw new ApiError('Unauthorized', 'Unauthorized');
}
