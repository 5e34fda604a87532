import { decode, encode } from 'cborg';
import { KithError } from './errors.ts';

/** What a host needs to join: where the cluster is, how to know it, and the secret that lets it in. Who has the text can become a member. */
export interface JoinToken {
  /** SHA-256 of the cluster CA certificate's DER, hex. */
  rootHash: string;
  /** Names the token in the cluster. */
  id: string;
  /** 16 bytes. */
  secret: Uint8Array;
  /** Milliseconds since 1970; the cluster's clock decides. */
  expiresAt: number;
  /** `https://HOST:PORT` of members' APIs, most useful first. */
  addresses: string[];
}

const PREFIX = 'kith1.';
export const TOKEN_SECRET_BYTES = 16;
export const MAX_TOKEN_LENGTH = 4096;
export const MAX_TOKEN_ADDRESSES = 16;
const ROOT_HASH_BYTES = 32;
const TOKEN_ID = /^[a-z0-9]{4,32}$/;
const MAX_ADDRESS_LENGTH = 300;

export function encodeJoinToken(token: JoinToken): string {
  const { rootHash, id, secret, expiresAt, addresses } = token;
  const bytes = encode({
    r: new Uint8Array(Buffer.from(rootHash, 'hex')),
    i: id,
    s: secret,
    e: expiresAt,
    a: addresses.slice(0, MAX_TOKEN_ADDRESSES),
  });
  return PREFIX + Buffer.from(bytes).toString('base64url');
}

/**
 * Reads what a person pasted: white space around and within (of a wrapped line) does not count.
 * @throws KithError `InvalidToken`, whose message never shows the token
 */
export function decodeJoinToken(text: string): JoinToken {
  if (text.length > MAX_TOKEN_LENGTH) throw invalid(`it is longer than ${MAX_TOKEN_LENGTH} characters`);
  const packed = text.replace(/\s+/g, '');
  if (packed === '') throw invalid('it is empty');
  if (!packed.startsWith(PREFIX)) {
    const version = /^kith(\d+)\./.exec(packed)?.[1];
    throw invalid(
      version
        ? `it is of version ${version}, and this kithd reads version 1: use the same release on all hosts`
        : `it does not start with ${PREFIX}`,
    );
  }
  const body = packed.slice(PREFIX.length);
  if (!/^[A-Za-z0-9_-]+$/.test(body)) throw invalid('it has characters that no token has');
  let fields: unknown;
  try {
    fields = decode(new Uint8Array(Buffer.from(body, 'base64url')));
  } catch {
    throw invalid('it is cut off or was changed');
  }
  return parse(fields);
}

function parse(fields: unknown): JoinToken {
  if (typeof fields !== 'object' || fields === null) throw invalid('it is cut off or was changed');
  const { r, i, s, e, a } = fields as Record<string, unknown>;
  if (!(r instanceof Uint8Array) || r.byteLength !== ROOT_HASH_BYTES) throw invalid('it names no cluster');
  if (typeof i !== 'string' || !TOKEN_ID.test(i)) throw invalid('it has no id');
  if (!(s instanceof Uint8Array) || s.byteLength !== TOKEN_SECRET_BYTES) throw invalid('it has no secret');
  if (typeof e !== 'number' || !Number.isSafeInteger(e)) throw invalid('it does not say when it expires');
  if (!Array.isArray(a) || a.length === 0 || a.length > MAX_TOKEN_ADDRESSES) throw invalid('it has no addresses');
  const addresses = a.map((address: unknown) => {
    if (typeof address !== 'string' || address.length > MAX_ADDRESS_LENGTH || !isHttpsOrigin(address))
      throw invalid('one of its addresses is none');
    return address;
  });
  return { rootHash: Buffer.from(r).toString('hex'), id: i, secret: s, expiresAt: e, addresses };
}

function isHttpsOrigin(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, username, pathname, search, hash } = new URL(address);
  return protocol === 'https:' && username === '' && pathname === '/' && search === '' && hash === '';
}

function invalid(reason: string): KithError {
  return new KithError('InvalidToken', `this is no valid join token: ${reason}; print one with "kith token" on a member and copy it whole`);
}
