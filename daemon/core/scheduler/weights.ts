/** Highest-random-weight hashing (Thaler and Ravishankar, 1996): every peer computes the same weight for a pair, and no node is preferred over all pods. */

/** So many of a subject's nodes are kept in order: an heir mostly needs no more. */
const FIRSTS = 16;

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

/** The first nodes of the subject's order, some. Of equal weights the lower index comes first. */
export function firstInOrder(hashes: Uint32Array, subject: number): Uint16Array {
  const first = new Uint16Array(Math.min(FIRSTS, hashes.length));
  const weights = new Float64Array(first.length).fill(-1);
  const last = first.length - 1;
  for (let index = 0; index < hashes.length; index += 1) {
    const weight = pairWeight(subject, hashes[index] ?? 0);
    if (weight <= (weights[last] ?? 0)) continue;
    let place = last;
    for (; place > 0 && weight > (weights[place - 1] ?? 0); place -= 1) {
      weights[place] = weights[place - 1] ?? 0;
      first[place] = first[place - 1] ?? 0;
    }
    weights[place] = weight;
    first[place] = index;
  }
  return first;
}
