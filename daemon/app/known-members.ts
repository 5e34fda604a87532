/** Who is dialled by the peer book, before anything else names the members; and what of them the book keeps. */
import type { MemberSpec } from '../../protocol/types.ts';
import { updatePeerBook, type PeerBookEntry } from '../adapters/identity/peer-book.ts';

/** @param now milliseconds since 1970: when they were members last */
export function entriesOf(members: readonly MemberSpec[], now: number): PeerBookEntry[] {
  return members.map(({ peerId, nodeName, peerAddresses }) => ({ peer: peerId, nodeName, addresses: peerAddresses, lastSeen: now }));
}

/** Members of the book that nothing else names yet: their addresses are enough to dial them. */
export function bookMembers(book: readonly PeerBookEntry[], known: readonly MemberSpec[]): MemberSpec[] {
  const named = new Set(known.map((member) => member.peerId));
  return book
    .filter((entry) => !named.has(entry.peer))
    .map(({ peer, nodeName, addresses }) => ({
      peerId: peer,
      nodeName,
      peerAddresses: addresses,
      beatAddresses: [],
      apiAddresses: [],
      beatKey: '',
      admittedBy: '',
    }));
}

/** The book once these are the members. Who is named no more stays, as desired state may be incomplete, unless it was removed. */
export function bookWith(
  book: readonly PeerBookEntry[],
  members: readonly MemberSpec[],
  isRemoved: (peer: string) => boolean,
  now: number,
): PeerBookEntry[] {
  const named = new Set(members.map(({ peerId }) => peerId));
  const removed = book.map(({ peer }) => peer).filter((peer) => !named.has(peer) && isRemoved(peer));
  return updatePeerBook(book, entriesOf(members, now), new Set(removed));
}
