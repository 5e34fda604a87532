import { AutomergeDocuments } from '../../daemon/adapters/automerge/documents.ts';
import { Api } from '../../daemon/api/api.ts';
import { Admitting } from '../../daemon/app/admitting.ts';
import { apiOfPeer, kithOfPeer } from '../../daemon/app/api-of-peer.ts';
import { openState, ownState } from '../../daemon/app/state.ts';
import type { NodeFacts } from '../../daemon/core/reconcile/node-status.ts';
import type { PeerImage } from '../../daemon/peer/peer-deps.ts';
import type { ReadRecord, ReplicaImage } from '../../daemon/peer/replica/disk.ts';
import type { RecordReader } from '../../daemon/ports/observed.ts';
import type { EntryWork } from '../../daemon/peer/replica/entry-work.ts';
import type { LeaseDeps } from '../../daemon/peer/leases/in-peer.ts';
import { Peer } from '../../daemon/peer/peer.ts';
import type { GraveLimits } from '../../daemon/peer/replica/graves.ts';
import type { HistoryLimits } from '../../daemon/peer/replica/histories.ts';
import type { DocumentReplica } from '../../daemon/peer/replica/document-replica.ts';
import type { Random } from '../../daemon/ports/clock.ts';
import type { Documents } from '../../daemon/ports/documents.ts';
import type { WatchedFolder } from '../../daemon/ports/folder.ts';
import type { HttpResponse } from '../../daemon/ports/http.ts';
import type { Log } from '../../daemon/ports/log.ts';
import type { Prober } from '../../daemon/ports/prober.ts';
import type { ContainerRuntime } from '../../daemon/ports/runtime.ts';
import type { Store } from '../../daemon/ports/store.ts';
import type { MemberSpec } from '../../protocol/types.ts';
import { fakeIdentity, fakeVerify } from './liveness-world.ts';
import type { MemoryBeats } from './memory-beats.ts';
import type { MemoryTransport } from './memory-transport.ts';
import type { HostClock } from './virtual-clock.ts';
import { MemoryVolumes } from './memory-volumes.ts';
import { SimulatedHealth } from './simulated-health.ts';

/** The world as one daemon finds it. */
export interface DaemonWorld {
  /** Open. */
  store: Store;
  documents?: Documents;
  /** Default: on its own. */
  entryWork?: EntryWork;
  readRecord?: ReadRecord;
  recordReader?: RecordReader;
  /** Of another daemon of this process that holds the same. */
  image?: DaemonImage | undefined;
  /** Default: the product's. */
  histories?: HistoryLimits | undefined;
  graves?: GraveLimits | undefined;
  transport: MemoryTransport;
  beats: MemoryBeats;
  prober: Prober;
  runtime: ContainerRuntime;
  folder?: WatchedFolder;
  leases?: LeaseDeps;
  clock: HostClock;
  random: Random;
  log: Log;
}

export interface DaemonImage {
  replica: ReplicaImage;
  peer: PeerImage;
}

/** What a host's files say. */
export interface DaemonFiles {
  clusterId: string;
  member: MemberSpec;
  incarnation: number;
  persistIncarnation(incarnation: number): Promise<void>;
  /** What the answer to the join, or the peer book, names. */
  knownMembers: readonly MemberSpec[];
  facts: NodeFacts;
  /** Records of the store are known to be lost. */
  damaged?: boolean;
  /** Default: small, so that two sides of a split meet in it. */
  podRange?: string | undefined;
}

const SMALL_POD_RANGE = '10.42.0.0/19';

/** A daemon that is composed as `daemon/app/daemon.ts` does it, of other adapters. */
export interface PeerDaemon extends DaemonWorld {
  replica: DocumentReplica;
  peer: Peer;
  api: Api;
}

/** Loads what the disk has. The answer's `peer` is still to be started. */
export async function composeDaemon(world: DaemonWorld, files: DaemonFiles): Promise<PeerDaemon> {
  const { store, random, log, clock, transport } = world;
  const { clusterId, member, incarnation, persistIncarnation, knownMembers, facts } = files;
  const randomId = (): string => Buffer.from(random.bytes(16)).toString('hex');
  const documents = world.documents ?? new AutomergeDocuments();
  const { entryWork, readRecord, histories, graves } = world;
  const network = { podRange: files.podRange ?? SMALL_POD_RANGE };
  const known = knownMembers.map(({ peerId }) => peerId);
  const replica = await openState(
    { store, documents, entryWork, readRecord, image: world.image?.replica, clock, log },
    { clusterId, randomId, histories, graves, member, network, known, damaged: files.damaged === true },
  );
  const peer = new Peer(
    {
      health: new SimulatedHealth(),
      volumes: new MemoryVolumes(),
      ...world,
      image: world.image?.peer,
      replica,
      identity: fakeIdentity(transport.self),
      verify: fakeVerify,
    },
    {
      clusterId,
      node: member.nodeName,
      incarnation,
      persistIncarnation,
      ...(await ownState({ store, log })),
      knownMembers,
      facts,
      version: 'test',
    },
  );
  return { ...world, replica, peer, api: composeApi({ ...world, peer, replica }, clusterId) };
}

/** Peers of a test know no certificates. */
const NO_ROOT_HASH = '0'.repeat(64);

function composeApi({ peer, replica, clock, random, log }: Omit<PeerDaemon, 'api'>, clusterId: string): Api {
  const cluster = { clusterId, caCertificate: '', caKey: '' };
  const admitting = new Admitting({ peer, replica, clock, random, log, verify: fakeVerify }, { cluster, rootHash: NO_ROOT_HASH });
  const served = { peer, replica, clock };
  return new Api(
    {
      ...apiOfPeer(served),
      httpClient: { send: async () => Promise.reject(new Error('not served in this world')) },
      clock,
      random,
      log,
      authenticateToken: async () => undefined,
      unready: () => [],
      kith: { ...kithOfPeer(served, admitting), manifests: () => ({ folder: undefined, files: [] }) },
    },
    { kithVersion: '0' },
  );
}

/** A request as root on the daemon's socket. Merge patches, where it patches. */
export function requestApi({ api }: Pick<PeerDaemon, 'api'>, method: string, target: string, body?: unknown): Promise<HttpResponse> {
  const url = new URL(target, 'http://localhost');
  const payload = new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body));
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return api.handle({
    method,
    path: url.pathname,
    query: url.searchParams,
    headers: body === undefined ? {} : { 'content-type': type, 'content-length': String(payload.byteLength) },
    connection: { credential: { type: 'socket' }, remoteAddress: '' },
    body: async () => payload,
    signal: new AbortController().signal,
  });
}

/** What an answer that is JSON says. */
export function jsonOf({ body }: HttpResponse): unknown {
  return JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body as Uint8Array));
}

/** `Warning` of an answer. */
export function warningOf({ headers }: HttpResponse): string | undefined {
  return Object.entries(headers)
    .find(([name]) => name.toLowerCase() === 'warning')?.[1]
    .toString();
}
