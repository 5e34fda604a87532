import type { Identity, VerifySignature } from '../../ports/identity.ts';
import { createHash, createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto';

/** What a token of a service account says. */
export interface AccountToken {
  /** Of the token: 32 hex digits. */
  id: string;
  namespace: string;
  name: string;
  uid: string;
  audiences: readonly string[];
  /** ms since 1970. */
  issuedAt: number;
  /** ms since 1970. */
  expiresAt: number;
  /** It counts only while this is there. */
  boundTo?: BoundObject;
  /** The member that signed it, where it was not the cluster. */
  signedBy?: string;
}

export interface BoundObject {
  kind: 'Pod' | 'Secret' | 'Node';
  name: string;
  uid: string;
}

export const TOKEN_ISSUER = 'https://kubernetes.default.svc.cluster.local';
const MAX_TOKEN_CHARS = 8_192;
/** RFC 7518 section 3.4: r and s, 32 bytes each. */
const ES256 = { dsaEncoding: 'ieee-p1363' } as const;
/** Hosts' clocks differ. */
const CLOCK_SKEW_MS = 60_000;

/** A JSON Web Token (RFC 7519) as Kubernetes makes them, signed with the cluster CA's key, so that any peer can check it. Whether it still counts is not said here. */
export function issueAccountToken(caKey: string, token: AccountToken): string {
  const key = createPrivateKey(caKey);
  return signToken({ alg: 'ES256', kid: keyId(key) }, token, (bytes) => sign('sha256', bytes, { key, ...ES256 }));
}

/** The same, signed by a member for a pod of its node (RFC 8037). */
export function issuePodToken(identity: Identity, token: AccountToken): string {
  return signToken({ alg: 'EdDSA', kid: identity.peer }, token, (bytes) => identity.sign(bytes));
}

function signToken(header: { alg: string; kid: string }, token: AccountToken, signBytes: (bytes: Uint8Array) => Uint8Array): string {
  const { namespace, name, uid, boundTo } = token;
  const issuedAt = Math.floor(token.issuedAt / 1000);
  const claims = {
    iss: TOKEN_ISSUER,
    sub: `system:serviceaccount:${namespace}:${name}`,
    aud: token.audiences,
    exp: Math.floor(token.expiresAt / 1000),
    iat: issuedAt,
    nbf: issuedAt,
    jti: token.id,
    'kubernetes.io': {
      namespace,
      serviceaccount: { name, uid },
      ...(boundTo === undefined ? {} : { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } }),
    },
  };
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${Buffer.from(signBytes(Buffer.from(signed))).toString('base64url')}`;
}

/**
 * @param verifyMember whether a member signed it
 * @param now ms since 1970
 * @returns undefined for what is no such token, is over, or was signed by somebody else
 */
export function readAccountToken(
  caCertificate: string,
  verifyMember: VerifySignature,
  text: string,
  now: number,
): AccountToken | undefined {
  if (text.length > MAX_TOKEN_CHARS) return undefined;
  const [header = '', claims = '', signature = '', ...rest] = text.split('.');
  if (signature === '' || rest.length > 0) return undefined;
  try {
    const { publicKey } = new X509Certificate(caCertificate);
    const bytes = Buffer.from(signature, 'base64url');
    if (bytes.toString('base64url') !== signature) return undefined;
    const { alg, kid } = decode(header) as { alg?: unknown; kid?: unknown };
    const signed = Buffer.from(`${header}.${claims}`);
    const token = tokenOf(decode(claims) as Record<string, unknown>, now);
    if (alg === 'EdDSA' && typeof kid === 'string')
      return token !== undefined && verifyMember(kid, signed, bytes) ? { ...token, signedBy: kid } : undefined;
    if (alg !== 'ES256' || !verify('sha256', signed, { key: publicKey, ...ES256 }, bytes)) return undefined;
    return token;
  } catch {
    return undefined;
  }
}

function tokenOf(claims: Record<string, unknown>, now: number): AccountToken | undefined {
  const { iss, aud, exp, iat, nbf, jti } = claims;
  const about = claims['kubernetes.io'] as
    ({ namespace?: unknown } & Partial<Record<string, { name?: unknown; uid?: unknown }>>) | undefined;
  const { name, uid } = about?.['serviceaccount'] ?? {};
  if (iss !== TOKEN_ISSUER || typeof jti !== 'string' || !Array.isArray(aud)) return undefined;
  if (typeof exp !== 'number' || typeof iat !== 'number' || typeof nbf !== 'number') return undefined;
  if (exp * 1000 <= now || nbf * 1000 > now + CLOCK_SKEW_MS) return undefined;
  const namespace = about?.namespace;
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof uid !== 'string') return undefined;
  const audiences = aud.filter((each): each is string => typeof each === 'string');
  const token = { id: jti, namespace, name, uid, audiences, issuedAt: iat * 1000, expiresAt: exp * 1000 };
  for (const kind of ['Pod', 'Secret', 'Node'] as const) {
    const bound = about?.[kind.toLowerCase()];
    if (bound === undefined) continue;
    if (typeof bound.name !== 'string' || typeof bound.uid !== 'string') return undefined;
    return { ...token, boundTo: { kind, name: bound.name, uid: bound.uid } };
  }
  return token;
}

function keyId(key: ReturnType<typeof createPrivateKey>): string {
  return createHash('sha256')
    .update(createPublicKey(key).export({ format: 'der', type: 'spki' }))
    .digest('base64url');
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): unknown {
  return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
}
