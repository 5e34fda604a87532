/** Highest-random-weight hashing (Thaler and Ravishankar, 1996): every peer computes the same weight for a pair, and no node is preferred over all pods. */

/** FNV-1a, 32 bits. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** Weight of a node for a subject, both given by their hashes; the finalizer of MurmurHash3 (32 bits, public domain) spreads it. */
export function pairWeight(subjectHash: number, nodeHash: number): number {
  let hash = (subjectHash ^ Math.imul(nodeHash, 0x9e3779b1)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
