import { createPrivateKey, createPublicKey, diffieHellman, hkdfSync, KeyObject } from 'node:crypto';
import { KithError } from '../../../protocol/errors.ts';

/** DER around the 32 raw bytes of an X25519 key (RFC 8410): PKCS #8 and SubjectPublicKeyInfo. */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const RAW_KEY_BYTES = 32;
const MAC_KEY_BYTES = 32;

/** The raw bytes of an X25519 private key in either form. */
export function rawPrivateKey(key: Uint8Array | KeyObject): Uint8Array {
  if (!(key instanceof KeyObject)) return key;
  return key.export({ type: 'pkcs8', format: 'der' }).subarray(-RAW_KEY_BYTES);
}

/** X25519 public key of a private one, base64url: a member's `beatKey`. */
export function beatPublicKey(privateKey: Uint8Array | KeyObject): string {
  const publicKey = createPublicKey(importPrivate(rawPrivateKey(privateKey)));
  return publicKey.export({ type: 'spki', format: 'der' }).subarray(-RAW_KEY_BYTES).toString('base64url');
}

/**
 * The key that both of a pair derive, for the MAC of their datagrams: HKDF-SHA256 (RFC 5869) of the X25519 secret, bound to both peer ids.
 * @throws KithError `BeatKeyInvalid` when the public key is none
 */
export function pairKey(privateKey: Uint8Array, self: string, peer: string, publicKey: string): Uint8Array {
  try {
    const raw = Buffer.from(publicKey, 'base64url');
    if (raw.length !== RAW_KEY_BYTES) throw new Error(`${raw.length} bytes instead of ${RAW_KEY_BYTES}`);
    const shared = diffieHellman({
      privateKey: importPrivate(privateKey),
      publicKey: createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, raw]), format: 'der', type: 'spki' }),
    });
    const both = [self, peer].sort().join(' ');
    return new Uint8Array(hkdfSync('sha256', shared, 'kith beats 1', both, MAC_KEY_BYTES));
  } catch (cause) {
    throw new KithError('BeatKeyInvalid', `the beat key of member ${peer} is no X25519 public key`, { peer }, { cause });
  }
}

function importPrivate(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, raw]), format: 'der', type: 'pkcs8' });
}
