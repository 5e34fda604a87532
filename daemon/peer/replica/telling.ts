import type { ChangeEnvelope, DocumentChanges, ReplicaVersion } from '../../../protocol/desired.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { documentBytes, tombstoneBytes } from '../../../protocol/wire/changes.ts';
import { MAX_ENVELOPE_DOCUMENTS } from '../../../protocol/wire/limits.ts';
import { compareEpochs, epochName, epochOrigin } from '../../core/desired/epochs.ts';
import type { DocumentIdentity, Documents } from '../../ports/documents.ts';
import { isNewsOfGrave, tombstoneOf, type Entry } from './object-index.ts';

/** Of a life that is open. Undefined: nothing. */
export type TellDocument = (entry: Entry, have: ReplicaVersion, maxBytes: number) => Promise<DocumentChanges | undefined>;

interface Gathering {
  id: string;
  entryOf: (key: ObjectKey) => Entry | undefined;
  tell: TellDocument;
  maxBytes: number;
}

/** What is told of as many keys as there is room for, to who has this of them. */
export async function gather(have: readonly ReplicaVersion[], { id, entryOf, tell, maxBytes }: Gathering): Promise<ChangeEnvelope> {
  const envelope: ChangeEnvelope = { id, changes: [], tombstones: [] };
  let size = 0;
  for (const version of have) {
    if (size >= maxBytes || envelope.changes.length + envelope.tombstones.length >= MAX_ENVELOPE_DOCUMENTS) break;
    const entry = entryOf(version.key);
    if (entry === undefined) continue;
    if (entry.life === 0) {
      if (!isNewsOfGrave(entry, version)) continue;
      const tombstone = tombstoneOf(entry);
      envelope.tombstones.push(tombstone);
      size += tombstoneBytes(tombstone);
      continue;
    }
    const changes = await tell(entry, version, maxBytes - size);
    if (changes === undefined) continue;
    envelope.changes.push(changes);
    size += documentBytes(changes);
  }
  return envelope;
}

/** Whether who has this can lack something of the open life that is held here. */
export function mayLack(entry: Entry, have: ReplicaVersion): boolean {
  if (entry.life <= have.buried || entry.life < have.life) return false;
  return entry.life !== have.life || compareEpochs(entry.epoch, have.epoch) >= 0;
}

/**
 * What who has this lacks of a document; undefined: nothing.
 * @param saved the document of the entry
 * @throws KithError `DocumentInvalid` when it is damaged
 */
export function lackedChanges(
  { documents, clusterId }: { documents: Documents; clusterId: string },
  { entry, saved, have, maxBytes }: { entry: Entry; saved: Uint8Array; have: ReplicaVersion; maxBytes: number },
): DocumentChanges | undefined {
  const { key, life, epoch } = entry;
  const isSameEpoch = have.life === life && compareEpochs(have.epoch, epoch) === 0;
  const heads = isSameEpoch ? have.heads : [];
  const { changes, document } = documents.changesSince(identityOf(clusterId, entry), saved, heads, maxBytes);
  if (changes.length === 0 && document === undefined) return undefined;
  const origin = epoch === undefined || isSameEpoch ? {} : { origin: epochOrigin(epoch) };
  const named = epoch === undefined ? {} : { epoch: epochName(epoch), ...origin };
  return { key, life, changes: [...changes], ...(document === undefined ? {} : { document }), ...named };
}

/** What nothing in the document builds on: who has that, and lacks nothing that it builds on, has all of it. */
export function newestChanges(documents: Documents, { key, life, epoch }: Entry, saved: Uint8Array): DocumentChanges {
  const named = epoch === undefined ? {} : { epoch: epochName(epoch) };
  return { key, life, changes: [...documents.newest(saved)], ...named };
}

export function identityOf(clusterId: string, { key, life, epoch }: Pick<Entry, 'key' | 'life' | 'epoch'>): DocumentIdentity {
  return { clusterId, key, life, epoch };
}
