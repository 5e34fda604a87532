import type { NameServer } from '../ports/names.ts';
import type { MemberSpec } from '../../protocol/types.ts';
import type { NodeFacts } from '../core/reconcile/node-status.ts';
import type { AccountTokens } from '../ports/account-tokens.ts';
import type { Beats } from '../ports/beats.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { WatchedFolder } from '../ports/folder.ts';
import type { HealthChecker } from '../ports/health.ts';
import type { VolumeStore } from '../ports/volumes.ts';
import type { Identity, VerifySignature } from '../ports/identity.ts';
import type { KernelDeps } from './network/kernel.ts';
import type { HostChecks } from '../ports/host-checks.ts';
import type { HostNetwork } from '../ports/host-network.ts';
import type { Log } from '../ports/log.ts';
import type { Prober } from '../ports/prober.ts';
import type { SyncedReplica } from '../ports/replica.ts';
import type { ServiceProxy } from '../ports/service-proxy.ts';
import type { Store } from '../ports/store.ts';
import type { StreamSource } from '../ports/streams.ts';
import type { ServiceSink } from '../ports/service-sink.ts';
import type { ContainerRuntime, PodDns } from '../ports/runtime.ts';
import type { Transport } from '../ports/transport.ts';
import type { LeaseDeps } from './leases/in-peer.ts';
import type { RecordReader } from '../ports/observed.ts';
import type { ClusterState } from '../core/cluster/state.ts';
import type { ServiceTable } from '../core/network/service-table.ts';
import type { ObservedTable } from './observed-table.ts';

/** What a peer of this process holds at some moment, for others that hold the same: a simulation of many begins with it. */
export interface PeerImage {
  readonly state: ClusterState;
  readonly heard: ObservedTable;
  readonly services: ServiceTable;
}

/** What a peer is made of. */
export interface PeerDeps {
  /** Not started. */
  replica: SyncedReplica;
  transport: Transport;
  beats: Beats;
  prober: Prober;
  health: HealthChecker;
  volumes: VolumeStore;
  /** Without it pods get no credentials of their accounts. */
  accounts?: AccountTokens;
  /** What the node remembers of images that it pulled is kept there; left out: until it ends. */
  store?: Pick<Store, 'entries' | 'write'>;
  runtime: ContainerRuntime;
  /** Manifests to keep desired state in step with. */
  folder?: WatchedFolder;
  /** What makes Services work on this host: rules of the kernel, or a proxy that reaches pods of other hosts through their members. */
  serviceSinks?: readonly ServiceSink[];
  serviceProxy?: (relay: StreamSource['connect']) => ServiceProxy;
  /** Tells the names of services and pods to whoever asks this host. */
  nameServer?: NameServer;
  /** Whom this host asks for names, where pods could ask them, too. */
  hostDns?: PodDns;
  hostNetwork?: HostNetwork;
  /** What the doctor asks of this host. */
  hostChecks?: HostChecks;
  kernel?: KernelDeps;
  /** Without it nothing that must run at most once runs here. */
  leases?: LeaseDeps;
  identity: Identity;
  verify: VerifySignature;
  /** Default: on its own, by `verify`. */
  recordReader?: RecordReader | undefined;
  image?: PeerImage | undefined;
  clock: Clock;
  random: Random;
  log: Log;
}

export interface PeerOptions {
  clusterId: string;
  node: string;
  incarnation: number;
  persistIncarnation: (incarnation: number) => Promise<void>;
  /** Whether this peer's disk is known to hold the whole desired state as of some time. */
  complete: boolean;
  persistComplete: () => Promise<void>;
  /** Whether this peer heard, in an earlier run, that it was removed. */
  removed: boolean;
  persistRemoved: () => Promise<void>;
  /** Members known from elsewhere (the answer to a join, the peer book), until desired state names them. */
  knownMembers: readonly MemberSpec[];
  facts: NodeFacts;
  /** Wire and program version, for the node report. */
  version: string;
  /** Address that a proxy opens ports of nodes on. */
  nodePortHost?: string;
  lastResourceVersion?: string;
  persistResourceVersion?: (reserve: string) => void;
}
