/**
 * Highest-random-weight hashing (Thaler and Ravishankar, 1996): every peer computes the same order of candidates for a subject, and the loss of one candidate
 * moves only what it held.
 */
export function rankByRendezvous(subject: string, candidates: Iterable<string>): string[] {
  const subjectHash = hashText(subject);
  return [...candidates]
    .map((candidate) => ({ candidate, weight: mix(subjectHash ^ Math.imul(hashText(candidate), 0x9e3779b1)) }))
    .sort((left, right) => right.weight - left.weight || (left.candidate < right.candidate ? -1 : 1))
    .map(({ candidate }) => candidate);
}

/** Who observes `subject`: the first `limit` of the others in its rendezvous order. */
export function observersOf(subject: string, members: Iterable<string>, limit: number): string[] {
  const others = [...members].filter((member) => member !== subject);
  return others.length <= limit ? others.sort() : rankByRendezvous(subject, others).slice(0, limit);
}

/** Whom `self` observes: those among whose first `limit` it is. Same answer as `observersOf` from the other side, without sorting for each. */
export function observedBy(self: string, members: Iterable<string>, limit: number): Set<string> {
  const all = [...new Set([self, ...members])];
  const others = all.filter((member) => member !== self);
  if (others.length <= limit) return new Set(others);
  const hashes = all.map((member) => ({ member, hash: hashText(member) }));
  const own = Math.imul(hashText(self), 0x9e3779b1);
  const observed = new Set<string>();
  for (const subject of hashes) {
    if (subject.member === self) continue;
    const ours = mix(subject.hash ^ own);
    let ahead = 0;
    for (const rival of hashes) {
      if (rival.member === subject.member || rival.member === self) continue;
      const theirs = mix(subject.hash ^ Math.imul(rival.hash, 0x9e3779b1));
      if (theirs > ours || (theirs === ours && rival.member < self)) ahead += 1;
      if (ahead >= limit) break;
    }
    if (ahead < limit) observed.add(subject.member);
  }
  return observed;
}

/** FNV-1a, 32 bits. Peer ids are uniform already; this only folds them. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** The finalizer of MurmurHash3 (32 bits, public domain): each input bit changes half of the output's. */
function mix(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
