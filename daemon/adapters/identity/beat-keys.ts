import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { KithError } from '../../../protocol/errors.ts';

/** X25519 keys, base64url of 32 bytes each. */
export interface BeatKeyPair {
  privateKey: string;
  publicKey: string;
}

const SALT = 'kith beat key v1';
const SHARED_BYTES = 32;
const KEY_TEXT = /^[A-Za-z0-9_-]{43}$/;

export function createBeatKeyPair(): BeatKeyPair {
  const { privateKey } = generateKeyPairSync('x25519');
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
  return { privateKey: d, publicKey: x };
}

/** @throws KithError `BadBeatKey` when the text is no X25519 key */
export function beatPublicKey(privateKey: string): string {
  return createPublicKey(privateKeyObject(privateKey)).export({ format: 'jwk' }).x ?? '';
}

/**
 * The 32 bytes that two peers share for their datagrams; both derive the same ones. X25519, then HKDF-SHA256 over both public keys in order.
 * @throws KithError `BadBeatKey` when either text is no X25519 key, or the other's is one of those that give a known secret
 */
export function sharedBeatKey(ownPrivateKey: string, otherPublicKey: string): Uint8Array {
  if (!KEY_TEXT.test(otherPublicKey)) throw new KithError('BadBeatKey', 'a beat key is 43 characters of base64url');
  const own = privateKeyObject(ownPrivateKey);
  try {
    const other = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x: otherPublicKey } });
    const secret = diffieHellman({ privateKey: own, publicKey: other });
    const both = [beatPublicKey(ownPrivateKey), otherPublicKey].sort().join(' ');
    return new Uint8Array(hkdfSync('sha256', secret, SALT, both, SHARED_BYTES));
  } catch (error) {
    throw new KithError('BadBeatKey', `no shared beat key can be derived: ${(error as Error).message}`, {}, { cause: error });
  }
}

/** PKCS #8 of an X25519 key: a fixed header (RFC 8410), then the key. */
function privateKeyObject(privateKey: string): KeyObject {
  if (!KEY_TEXT.test(privateKey)) throw new KithError('BadBeatKey', 'a beat key is 43 characters of base64url');
  const header = Buffer.from('302e020100300506032b656e04220420', 'hex');
  return createPrivateKey({ format: 'der', type: 'pkcs8', key: Buffer.concat([header, Buffer.from(privateKey, 'base64url')]) });
}
