import { hash } from 'node:crypto';
import { canonicalJson } from './json.ts';
import type { ObjectKey } from './objects.ts';

/**
 * Identities that follow from what a thing is, so that two sides of a cut that make the same thing name it the same. Frozen: changing a rule here renames every
 * object of every cluster (golden values in `test/golden/identity.json`).
 */

/** Lower-case letters without vowels, and digits that are not mistaken for letters: Kubernetes' own alphabet for generated names. */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_BASE = BigInt(SUFFIX_ALPHABET.length);
/** As many characters as Kubernetes appends to a pod's name; more only when slot and generation need them. */
const MIN_POD_SUFFIX = 5;
const TEMPLATE_HASH_LENGTH = 10;
/** RFC 1123 subdomain, as Kubernetes bounds object names. */
const MAX_NAME_LENGTH = 253;
/** Lives are kept in 32 bits of the uid. */
export const MAX_LIFE = 0xffffffff;
const LIFE_DIGITS = 8;

/**
 * The uid of one life of a key: a UUID of version 8 (RFC 9562) whose first 96 bits are a hash of all three arguments and whose last 32 bits are the life.
 */
export function deriveUid(clusterId: string, key: ObjectKey, life: number): string {
  const digits = sha256(canonicalJson(['uid', clusterId, key, life]))
    .toString('hex')
    .slice(0, 24)
    .split('');
  digits[12] = '8';
  digits[16] = ((parseInt(digits[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  const hash = digits.join('');
  const tail = life.toString(16).padStart(LIFE_DIGITS, '0');
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-${hash.slice(12, 16)}-${hash.slice(16, 20)}-${hash.slice(20)}${tail}`;
}

/** The life that a uid of ours names; undefined for a text that is none of ours. */
export function lifeOfUid(uid: string): number | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uid)) return undefined;
  return parseInt(uid.slice(-LIFE_DIGITS), 16);
}

/** The uid of what is derived from an object and never stored (its endpoints): of UUID version 5, so that no life is read from it. */
export function deriveDependentUid(ownerUid: string, key: ObjectKey): string {
  const digits = sha256(canonicalJson(['dependent', ownerUid, key]))
    .toString('hex')
    .split('');
  digits[12] = '5';
  digits[16] = ((parseInt(digits[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  const hash = digits.join('');
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-${hash.slice(12, 16)}-${hash.slice(16, 20)}-${hash.slice(20, 32)}`;
}

/** What tells objects apart that are derived from one owner and named after it. */
export function derivedSuffix(ownerUid: string, what: unknown): string {
  return encodeSuffix(bigIntOf(sha256(canonicalJson(['suffix', ownerUid, what]))) % SUFFIX_BASE ** BigInt(MIN_POD_SUFFIX), MIN_POD_SUFFIX);
}

/**
 * The name of the pod that fills a slot: unique among the pods of the owner by construction (a keyed permutation of (slot, generation)), and it looks like one
 * of Kubernetes'.
 */
export function slotPodName(ownerName: string, ownerUid: string, slot: number, generation: number): string {
  const pair = cantorPair(BigInt(slot), BigInt(generation));
  let length = MIN_POD_SUFFIX;
  while (pair >= SUFFIX_BASE ** BigInt(length)) length += 1;
  const size = SUFFIX_BASE ** BigInt(length);
  const seed = sha256(canonicalJson(['slot-pod', ownerUid]));
  // The size is a power of three, so a multiplier that three does not divide has an inverse: the map is one to one.
  const multiplier = 3n * (bigIntOf(seed.subarray(0, 16)) % (size / 3n)) + 1n;
  const offset = bigIntOf(seed.subarray(16, 32)) % size;
  const suffix = encodeSuffix((pair * multiplier + offset) % size, length);
  return `${ownerName.slice(0, MAX_NAME_LENGTH - 1 - length)}-${suffix}`;
}

/** Names a ReplicaSet of a Deployment and labels its pods (`pod-template-hash`): equal for equal templates, whatever the order of their fields. */
export function templateHash(ownerUid: string, template: unknown): string {
  const digest = sha256(canonicalJson(['template', ownerUid, template]));
  return encodeSuffix(bigIntOf(digest) % SUFFIX_BASE ** BigInt(TEMPLATE_HASH_LENGTH), TEMPLATE_HASH_LENGTH);
}

/** One to one from pairs of naturals to naturals; small pairs stay small. */
function cantorPair(left: bigint, right: bigint): bigint {
  const sum = left + right;
  return (sum * (sum + 1n)) / 2n + right;
}

function encodeSuffix(value: bigint, length: number): string {
  let rest = value;
  let suffix = '';
  for (let index = 0; index < length; index += 1) {
    suffix = SUFFIX_ALPHABET.charAt(Number(rest % SUFFIX_BASE)) + suffix;
    rest /= SUFFIX_BASE;
  }
  return suffix;
}

function bigIntOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
