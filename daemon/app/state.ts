/** The desired state of a daemon as the composition root sets it up: also of one that a test composes, so that both run the same. */
import { CUSTOM_MERGE_UNITS } from '../../protocol/kinds/custom/custom-kind.ts';
import { kindOfResource } from '../../protocol/kinds/registry.ts';
import { validateMerged } from '../../protocol/kinds/merged.ts';
import type { ClusterNetworkSpec, Member, MemberSpec } from '../../protocol/types.ts';
import { MEMBERS } from '../core/cluster/membership.ts';
import { DEFAULT_POD_RANGE } from '../core/network/pod-subnets.ts';
import { HISTORY_LIMITS } from '../peer/replica/histories.ts';
import type { PeerOptions } from '../peer/peer-deps.ts';
import { DocumentReplica } from '../peer/replica/document-replica.ts';
import type { DocumentReplicaDeps, DocumentReplicaOptions } from '../peer/replica/document-replica.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Replica } from '../ports/replica.ts';
import type { Store } from '../ports/store.ts';
import { createClusterNetwork, createMember, updateMember } from './members.ts';
import { STORE_KEYS } from './store-keys.ts';

const text = new TextEncoder();

type OwnState = Pick<
  PeerOptions,
  'complete' | 'removed' | 'persistRemoved' | 'persistComplete' | 'lastResourceVersion' | 'persistResourceVersion'
>;

export interface StateOptions extends Pick<DocumentReplicaOptions, 'clusterId' | 'randomId' | 'histories' | 'graves'> {
  member: MemberSpec;
  /** What the founder writes down. */
  network: Partial<ClusterNetworkSpec>;
  /** Peer ids known from elsewhere than desired state. */
  known: readonly string[];
  /** Records of the store are known to be lost already. */
  damaged: boolean;
}

/** Loads what the disk has, and notes what follows from that. @param options.randomId 16 new random bytes in hex with every call */
export async function openState(
  deps: DocumentReplicaDeps & { clock: Clock },
  options: StateOptions,
  signal?: AbortSignal,
): Promise<DocumentReplica> {
  const { store, clock } = deps;
  const { clusterId, member, network, known } = options;
  const replica = createReplica(deps, options);
  const { damaged } = await replica.start(signal);
  await noteMember({ replica, store, clock }, clusterId, member, network);
  if (damaged.length > 0 || options.damaged) await noteLosses({ replica, store }, member.peerId, known);
  return replica;
}

/** What a peer keeps in the store of itself, as its options have it. */
export async function ownState({ store, log }: { store: Store; log: Log }): Promise<OwnState> {
  const put = async (key: string, value: string): Promise<void> => store.write([{ type: 'put', key, value: text.encode(value) }]);
  const lastVersion = await store.get(STORE_KEYS.resourceVersion);
  return {
    complete: (await store.get(STORE_KEYS.complete)) !== undefined,
    removed: (await store.get(STORE_KEYS.removed)) !== undefined,
    persistRemoved: async () => put(STORE_KEYS.removed, 'removed'),
    persistComplete: async () => put(STORE_KEYS.complete, 'synced'),
    lastResourceVersion: versionIn(lastVersion),
    persistResourceVersion: (reserve) => {
      put(STORE_KEYS.resourceVersion, reserve).catch((error: unknown) => {
        log.warn('the reserve of resource versions could not be written; after a restart, watches begin anew', { error });
      });
    },
  };
}

/** Undefined where the record is damaged: watches begin anew then. */
function versionIn(record: Uint8Array | undefined): string | undefined {
  const version = new TextDecoder().decode(record);
  return /^\d+$/.test(version) ? version : undefined;
}

function createReplica(
  deps: DocumentReplicaDeps,
  options: Pick<DocumentReplicaOptions, 'clusterId' | 'randomId' | 'histories' | 'graves'>,
): DocumentReplica {
  const { clusterId, randomId, histories = HISTORY_LIMITS, graves } = options;
  return new DocumentReplica(deps, {
    clusterId,
    actor: randomId(),
    randomId: () => randomId(),
    histories,
    graves,
    mergeUnitsOf: (resource) => kindOfResource(resource)?.mergeUnits ?? CUSTOM_MERGE_UNITS,
    validate: (object) => {
      const [first] = validateMerged(object);
      return first === undefined ? undefined : `${first.field}: ${first.message}`;
    },
  });
}

/** The founder writes itself down; everybody keeps its own addresses and keys up to date. A joiner was written down by who admitted it. */
async function noteMember(
  deps: { replica: Replica; store: Store; clock: Clock },
  clusterId: string,
  member: MemberSpec,
  network: Partial<ClusterNetworkSpec> = {},
): Promise<void> {
  const { replica, store, clock } = deps;
  const founding = await store.get(STORE_KEYS.founding);
  if (founding !== undefined && new TextDecoder().decode(founding) === clusterId) {
    await replica.write([
      createMember(member, clock.now()),
      createClusterNetwork({ podRange: DEFAULT_POD_RANGE, ...network }, clock.now()),
    ]);
    await store.write([
      { type: 'put', key: STORE_KEYS.complete, value: text.encode('founded') },
      { type: 'delete', key: STORE_KEYS.founding },
    ]);
    return;
  }
  const update = updateMember(replica, member);
  if (update.length > 0) await replica.write(update);
}

/**
 * A disk that lost records no longer proves that it holds the whole state: that takes a sync. Without other members there is nobody who holds more.
 * @param known peer ids known from elsewhere than desired state
 */
async function noteLosses(deps: { replica: Replica; store: Store }, self: string, known: readonly string[]): Promise<void> {
  const members = [...deps.replica.list(MEMBERS)].map(({ object }) => (object as Member).spec.peerId);
  if ([...members, ...known].every((peer) => peer === self)) return;
  await deps.store.write([{ type: 'delete', key: STORE_KEYS.complete }]);
}
