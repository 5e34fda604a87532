import { createPrivateKey, sign, verify, X509Certificate } from 'node:crypto';

/** Who a token speaks for. */
export interface ApiTokenHolder {
  /** Of the token. */
  id: string;
  user: string;
  groups: readonly string[];
}

const PREFIX = 'kithapi1';
const MAX_TOKEN_CHARS = 2_048;

/**
 * A bearer token for the API, signed with the cluster CA's key, which every member holds: any peer can check it. Whether it still counts is not said here.
 * @param expiresAt ms since 1970
 */
export function issueApiToken(caKey: string, holder: ApiTokenHolder, expiresAt: number): string {
  const claims = Buffer.from(JSON.stringify({ id: holder.id, user: holder.user, groups: holder.groups, expiresAt })).toString('base64url');
  const signature = sign('sha256', signedText(claims), createPrivateKey(caKey)).toString('base64url');
  return `${PREFIX}.${claims}.${signature}`;
}

/** @param now ms since 1970. @returns undefined for a token that is none, is over, or was signed by somebody else. */
export function readApiToken(caCertificate: string, token: string, now: number): ApiTokenHolder | undefined {
  if (token.length > MAX_TOKEN_CHARS) return undefined;
  const [prefix, claims, signature, ...rest] = token.split('.');
  if (prefix !== PREFIX || claims === undefined || signature === undefined || rest.length > 0) return undefined;
  try {
    const { publicKey } = new X509Certificate(caCertificate);
    const bytes = Buffer.from(signature, 'base64url');
    // One text a token: the decoder would pass over what is left at the end.
    if (bytes.toString('base64url') !== signature) return undefined;
    if (!verify('sha256', signedText(claims), publicKey, bytes)) return undefined;
    const { id, user, groups, expiresAt } = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as Record<string, unknown>;
    if (typeof user !== 'string' || !Array.isArray(groups) || typeof expiresAt !== 'number' || expiresAt <= now) return undefined;
    if (typeof id !== 'string') return undefined;
    return { id, user, groups: groups.filter((group): group is string => typeof group === 'string') };
  } catch {
    return undefined;
  }
}

/** The purpose goes in, so that no signature made for something else passes for a token. */
function signedText(claims: string): Buffer {
  return Buffer.from(`${PREFIX} kith api token\0${claims}`);
}
