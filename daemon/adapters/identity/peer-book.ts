import { rename } from 'node:fs/promises';
import path from 'node:path';
import type { TransportMember } from '../../ports/transport.ts';
import { readPrivateFile, writePrivateFile } from './files.ts';

/** A member once seen. It is dialled for ever, also while it is dead, so that a partition heals by itself. */
export interface PeerBookEntry extends TransportMember {
  nodeName: string;
  /** Milliseconds since 1970 of the last connection; 0 if there was none. */
  lastSeen: number;
}

const BOOK_FILE = 'peers.json';
export const MAX_BOOK_ENTRIES = 4096;
export const MAX_BOOK_ADDRESSES = 16;
const MAX_ADDRESS_LENGTH = 512;

/** A book that cannot be read is set aside as `peers.json.damaged`: members stand in the desired state, too. */
export async function loadPeerBook(dataDir: string): Promise<PeerBookEntry[]> {
  const file = path.join(dataDir, BOOK_FILE);
  const bytes = await readPrivateFile(file);
  if (!bytes) return [];
  try {
    const { peers } = JSON.parse(new TextDecoder().decode(bytes)) as { peers?: unknown };
    if (!Array.isArray(peers)) throw new Error('no list of peers');
    return bounded(peers.flatMap(parseEntry));
  } catch {
    await rename(file, `${file}.damaged`);
    return [];
  }
}

export async function savePeerBook(dataDir: string, entries: readonly PeerBookEntry[]): Promise<void> {
  await writePrivateFile(path.join(dataDir, BOOK_FILE), `${JSON.stringify({ version: 1, peers: bounded(entries) })}\n`);
}

/**
 * The book with what is known of members now: their addresses first, earlier ones after them. Who is in `removed` leaves the book; nobody else does.
 */
export function updatePeerBook(
  book: readonly PeerBookEntry[],
  seen: readonly PeerBookEntry[],
  removed: ReadonlySet<string> = new Set(),
): PeerBookEntry[] {
  const byPeer = new Map(book.map((entry) => [entry.peer, entry]));
  for (const entry of seen) {
    const before = byPeer.get(entry.peer);
    byPeer.set(entry.peer, {
      peer: entry.peer,
      nodeName: entry.nodeName,
      addresses: [...new Set([...entry.addresses, ...(before?.addresses ?? [])])].slice(0, MAX_BOOK_ADDRESSES),
      lastSeen: Math.max(entry.lastSeen, before?.lastSeen ?? 0),
    });
  }
  return bounded([...byPeer.values()].filter(({ peer }) => !removed.has(peer)));
}

/** Of too many, those seen last stay. */
function bounded(entries: readonly PeerBookEntry[]): PeerBookEntry[] {
  if (entries.length <= MAX_BOOK_ENTRIES) return [...entries];
  return [...entries].sort((left, right) => right.lastSeen - left.lastSeen).slice(0, MAX_BOOK_ENTRIES);
}

function parseEntry(value: unknown): PeerBookEntry[] {
  if (typeof value !== 'object' || value === null) return [];
  const { peer, nodeName, addresses, lastSeen } = value as Record<keyof PeerBookEntry, unknown>;
  if (typeof peer !== 'string' || typeof nodeName !== 'string' || !Array.isArray(addresses)) return [];
  const usable = addresses.filter((address): address is string => typeof address === 'string' && address.length <= MAX_ADDRESS_LENGTH);
  return [{ peer, nodeName, addresses: usable.slice(0, MAX_BOOK_ADDRESSES), lastSeen: typeof lastSeen === 'number' ? lastSeen : 0 }];
}
