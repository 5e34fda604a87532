/** JSON pointers (RFC 6901) as names of fields. */
import { MAX_VALUE_DEPTH } from '../../../protocol/wire/limits.ts';

/** Tokens that JavaScript gives a meaning of its own; nothing of ours is named so, and a peer must not reach it. */
const FORBIDDEN_TOKEN = '__proto__';

export function childPath(parent: string, token: string): string {
  return `${parent}/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Undefined for what is no pointer to a field. */
export function pathTokens(path: string): string[] | undefined {
  if (!path.startsWith('/')) return undefined;
  const tokens = path
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  return tokens.includes(FORBIDDEN_TOKEN) || tokens.length > MAX_VALUE_DEPTH ? undefined : tokens;
}

export function isFieldToken(token: string): boolean {
  return token !== FORBIDDEN_TOKEN;
}

/** Whether the path is the pointer itself or lies below it. */
export function isAtOrBelow(path: string, pointer: string): boolean {
  return path === pointer || path.startsWith(`${pointer}/`);
}
