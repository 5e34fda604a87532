import { createHash } from 'node:crypto';
import type { ConflictRow, ConflictsAnswer, DigestAnswer, PeerRow, PeersAnswer } from '../../protocol/answers.ts';
import { canonicalJson } from '../../protocol/json.ts';
import { kindOfResource } from '../../protocol/kinds/registry.ts';
import { parseObjectKey } from '../../protocol/objects.ts';
import type { ObservedRecord } from '../../protocol/observed.ts';
import type { ClusterView } from '../core/cluster/view.ts';
import type { Replica } from '../ports/replica.ts';
import type { Transport } from '../ports/transport.ts';

export interface PeersSource {
  clusterId: string;
  view: ClusterView;
  transport: Transport;
  /** Keys that differed when last compared with the peer; undefined while never compared. */
  behind(peer: string): number | undefined;
  nodeRecord(peer: string): ObservedRecord | undefined;
  electorate: PeersAnswer['electorate'];
  /** Monotonic ms. */
  now: number;
}

/** What `kith peers` shows: the members as this peer sees them. */
export function peersAnswer(source: PeersSource): PeersAnswer {
  const { view, transport, now } = source;
  const connected = new Set(transport.connected());
  const peers = view.members().map((member): PeerRow => {
    const report = source.nodeRecord(member.spec.peerId)?.value;
    return {
      peer: member.spec.peerId,
      node: member.spec.nodeName,
      state: member.state,
      forMs: Math.max(0, Math.round(now - member.since)),
      connected: member.spec.peerId === view.self.peer || connected.has(member.spec.peerId),
      roundTripMs: transport.roundTripMs(member.spec.peerId),
      leader: member.spec.peerId === view.leader.peer,
      behind: source.behind(member.spec.peerId),
      addresses: member.spec.peerAddresses,
      version: report?.kind === 'node' ? report.version : undefined,
      incarnation: member.incarnation,
    };
  });
  return {
    cluster: source.clusterId,
    self: view.self.peer,
    leader: { peer: view.leader.peer, term: view.leader.term },
    complete: view.complete,
    removed: view.removed,
    peers,
    ...(source.electorate === undefined ? {} : { electorate: source.electorate }),
  };
}

/** What `kith conflicts` shows. */
export function conflictsAnswer(replica: Pick<Replica, 'all' | 'quarantined'>): ConflictsAnswer {
  const quarantined = replica.quarantined().map(({ desired, reason }) => ({ key: desired.key, reason }));
  return { conflicts: conflictRows(replica), quarantined: quarantined.sort((left, right) => (left.key < right.key ? -1 : 1)) };
}

const HIDDEN = '(not shown)';

/** Everything that a merge decided and nobody has settled since. */
function conflictRows(replica: Pick<Replica, 'all'>): ConflictRow[] {
  const rows: ConflictRow[] = [];
  for (const { key, conflicts } of replica.all()) {
    const hidden = kindOfResource(parseObjectKey(key).resource)?.secret !== undefined;
    for (const { path, winner, losers } of conflicts) {
      if (path.startsWith('/kith/')) continue;
      rows.push(hidden ? { key, path, winner: HIDDEN, losers: losers.map(() => HIDDEN) } : { key, path, winner, losers });
    }
  }
  return rows.sort((left, right) => (left.key + left.path < right.key + right.path ? -1 : 1));
}

/** What two peers compare to know that they hold the same: objects as merged, never saved bytes, which depend on the order of merges. */
export function digestAnswer(replica: Pick<Replica, 'all'>, options: { objects: boolean }): DigestAnswer {
  const hashes = [...replica.all()].map(({ key, object }): [string, string] => [key, sha256(canonicalJson(object))]);
  hashes.sort(([left], [right]) => (left < right ? -1 : 1));
  const digest = sha256(hashes.map(([key, hash]) => `${key}\n${hash}\n`).join(''));
  return { digest, count: hashes.length, ...(options.objects ? { objects: Object.fromEntries(hashes) } : {}) };
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
