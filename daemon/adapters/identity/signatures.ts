import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import type { VerifySignature } from '../../ports/identity.ts';

/**
 * libp2p's spelling of Ed25519 keys. A peer id is the base58 of an identity multihash (0x00, length 0x24) of the public key's protobuf (type 1, 32 bytes of
 * data). https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
 */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
/** The private key's protobuf: type 1, 64 bytes of data: seed, then public key. */
const PRIVATE_KEY_PREFIX = Uint8Array.of(0x08, 0x01, 0x12, 0x40);
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Longer texts are no peer id; base58 decoding takes quadratic time. */
const MAX_PEER_ID_LENGTH = 64;
/** Public keys kept ready: all members, and some who knock. */
const MAX_CACHED_KEYS = 2048;

const publicKeys = new Map<string, KeyObject>();

export function peerIdOfPublicKey(publicKey: Uint8Array): string {
  return toString(concat(PEER_ID_PREFIX, publicKey), 'base58btc');
}

/** The 32 bytes of the Ed25519 public key, or undefined when the text is no such peer id. */
export function publicKeyOfPeerId(peer: string): Uint8Array | undefined {
  if (peer.length > MAX_PEER_ID_LENGTH) return undefined;
  let bytes: Uint8Array;
  try {
    bytes = fromString(peer, 'base58btc');
  } catch {
    return undefined;
  }
  if (bytes.byteLength !== PEER_ID_PREFIX.byteLength + KEY_BYTES || !startsWith(bytes, PEER_ID_PREFIX)) return undefined;
  return bytes.slice(PEER_ID_PREFIX.byteLength);
}

export const verifySignature: VerifySignature = (peer, bytes, signature) => {
  const key = publicKeyObject(peer);
  return key !== undefined && signature.byteLength === SIGNATURE_BYTES && verify(null, bytes, key, signature);
};

/** The seed and the public key in libp2p's private key bytes, or undefined when they are none of Ed25519 or do not belong together. */
export function parsePrivateKey(protobuf: Uint8Array): { seed: Uint8Array; publicKey: Uint8Array } | undefined {
  const length = PRIVATE_KEY_PREFIX.byteLength;
  if (protobuf.byteLength !== length + 2 * KEY_BYTES || !startsWith(protobuf, PRIVATE_KEY_PREFIX)) return undefined;
  const seed = protobuf.slice(length, length + KEY_BYTES);
  const publicKey = protobuf.slice(length + KEY_BYTES);
  const derived = rawPublicKey(createPublicKey(privateKeyObject(seed)));
  return Buffer.compare(derived, publicKey) === 0 ? { seed, publicKey } : undefined;
}

/** libp2p's private key bytes of a seed. */
export function privateKeyOfSeed(seed: Uint8Array): Uint8Array {
  return concat(PRIVATE_KEY_PREFIX, seed, rawPublicKey(createPublicKey(privateKeyObject(seed))));
}

export function signer(seed: Uint8Array): (bytes: Uint8Array) => Uint8Array {
  const key = privateKeyObject(seed);
  return (bytes) => new Uint8Array(sign(null, bytes, key));
}

function publicKeyObject(peer: string): KeyObject | undefined {
  const known = publicKeys.get(peer);
  if (known) return known;
  const raw = publicKeyOfPeerId(peer);
  if (!raw) return undefined;
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: toString(raw, 'base64url') } });
  const oldest = publicKeys.keys().next().value;
  if (publicKeys.size >= MAX_CACHED_KEYS && oldest !== undefined) publicKeys.delete(oldest);
  publicKeys.set(peer, key);
  return key;
}

/** PKCS #8 of an Ed25519 seed: a fixed header (RFC 8410), then the seed. */
function privateKeyObject(seed: Uint8Array): KeyObject {
  const header = Buffer.from('302e020100300506032b657004220420', 'hex');
  return createPrivateKey({ format: 'der', type: 'pkcs8', key: Buffer.concat([header, seed]) });
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return fromString(key.export({ format: 'jwk' }).x ?? '', 'base64url');
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
