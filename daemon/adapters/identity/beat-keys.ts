import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { KithError } from '../../../protocol/errors.ts';

/** X25519 keys, base64url of 32 bytes each. */
export interface BeatKeyPair {
  privateKey: string;
  publicKey: string;
}

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

/** PKCS #8 of an X25519 key: a fixed header (RFC 8410), then the key. */
function privateKeyObject(privateKey: string): KeyObject {
  if (!KEY_TEXT.test(privateKey)) throw new KithError('BadBeatKey', 'a beat key is 43 characters of base64url');
  const header = Buffer.from('302e020100300506032b656e04220420', 'hex');
  return createPrivateKey({ format: 'der', type: 'pkcs8', key: Buffer.concat([header, Buffer.from(privateKey, 'base64url')]) });
}
