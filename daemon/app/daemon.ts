/**
 * The composition root: the one place that knows every adapter. It builds, starts and stops; it decides nothing.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { invariant } from '../../protocol/errors.ts';
import type { MemberSpec } from '../../protocol/types.ts';
import { KITH_VERSION, WIRE_VERSION } from '../../protocol/version.ts';
import { AutomergeDocuments } from '../adapters/automerge/documents.ts';
import { DiskFolder } from '../adapters/folder/folder.ts';
import { UdpBeats } from '../adapters/beats/beats.ts';
import { loadOrCreateIdentity, type PeerIdentity } from '../adapters/identity/identity.ts';
import { IncarnationCounter } from '../adapters/identity/incarnation.ts';
import { FileVoteBook } from '../adapters/identity/vote-book.ts';
import { loadPeerBook, savePeerBook, type PeerBookEntry } from '../adapters/identity/peer-book.ts';
import { verifySignature } from '../adapters/identity/signatures.ts';
import { Libp2pTransport } from '../adapters/libp2p/transport.ts';
import { LinuxNetwork } from '../adapters/linux-network/linux-network.ts';
import { NetworkHealthChecker } from '../adapters/health/health-checker.ts';
import { HostMounts } from '../adapters/volumes/host-mounts.ts';
import { run } from '../adapters/system/run.ts';
import { FolderVolumes } from '../adapters/volumes/volume-store.ts';
import { UserSpaceProxy } from '../adapters/proxy/proxy.ts';
import { TcpProber } from '../adapters/prober/prober.ts';
import { bootClock, systemClock, systemRandom } from '../adapters/system/clock.ts';
import { Peer, type PeerDeps } from '../peer/peer.ts';
import { clusterOfStore } from '../peer/replica/disk.ts';
import type { DocumentReplica } from '../peer/replica/document-replica.ts';
import { SystemChecks } from '../adapters/system/host-checks.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import type { ContainerRuntime } from '../ports/runtime.ts';
import { advertisedAddresses, hostPortText, listenMultiaddr, peerMultiaddr } from './addresses.ts';
import type { ClusterKeys } from '../adapters/identity/cluster.ts';
import { PodAccountTokens } from './account-tokens.ts';
import { ApiServers } from './api-servers.ts';
import { enterCluster, type ClusterMembership } from './cluster.ts';
import { bundleFolder } from './bundle-folder.ts';
import { clusterNetwork } from './cluster-network.ts';
import type { DaemonConfig } from './config.ts';
import { makeFolder, prepareDataFolder } from './data-folder.ts';
import { requireFreeAddresses } from './free-addresses.ts';
import { chooseKernel, type ChosenKernel } from './kernel.ts';
import { nodeFacts } from './facts.ts';
import { bookMembers, bookWith, entriesOf } from './known-members.ts';
import { memberKey } from './members.ts';
import { createNames } from './name-server.ts';
import { openStore } from './open-store.ts';
import { chooseRuntime, createGuard, createRuntime, nearness, rememberRuntime } from './runtime.ts';
import { openState, ownState } from './state.ts';
import { STORE_KEYS } from './store-keys.ts';

const text = new TextEncoder();

export class Daemon {
  #config: DaemonConfig;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  #store: Store | undefined;
  #peer: Peer | undefined;
  #replica: DocumentReplica | undefined;
  #runtime: ContainerRuntime | undefined;
  #kernel: ChosenKernel = {};
  #servers: ApiServers | undefined;
  #book: PeerBookEntry[] = [];
  /** No record of the store is known to be lost. */
  #isIntact = true;

  constructor(deps: { log: Log }, config: DaemonConfig) {
    this.#log = deps.log;
    this.#config = config;
  }

  /** @throws KithError that says what to do, for everything that a person can set right. */
  async start(): Promise<void> {
    const { dataDir } = this.#config;
    await prepareDataFolder(dataDir);
    await makeFolder(path.dirname(this.#config.socketPath), '--socket');
    // First of all the store: its lock keeps a second daemon away from everything else in the folder.
    const store = (this.#store = await openStore(this.#config, this.#log, systemClock.now(), () => (this.#isIntact = false)));
    const identity = await loadOrCreateIdentity(dataDir);
    const member = this.#memberSpec(identity);
    const cluster = await enterCluster(
      { identity, clock: systemClock, log: this.#log },
      {
        dataDir,
        token: this.#config.joinToken,
        member,
        signal: this.#stopping.signal,
        before: async () => requireFreeAddresses(this.#config),
        held: await clusterOfStore(store),
        remember: async (entered) => {
          if ('members' in entered) return savePeerBook(dataDir, entriesOf(entered.members, systemClock.now()));
          await store.write([{ type: 'put', key: STORE_KEYS.founding, value: text.encode(entered.founding) }]);
        },
      },
    );
    this.#book = await loadPeerBook(dataDir);
    this.#keepNodeName(identity);
    this.#log.info(`${cluster.how} cluster`, {
      cluster: cluster.keys.clusterId,
      node: this.#config.nodeName,
      peer: identity.peer,
      version: KITH_VERSION,
    });
    for (const folder of this.#config.imageFolders.filter((each) => !existsSync(each)))
      this.#log.warn('--images: there is no such folder, and no image is looked for in it', { folder });
    const chosen = await chooseRuntime(this.#config, this.#log);
    await rememberRuntime(chosen, dataDir, this.#log);
    this.#runtime = createRuntime(chosen, this.#config, cluster.keys.clusterId, this.#log);
    const nodes = [...cluster.members, ...this.#book].map(({ nodeName }) => nodeName);
    this.#kernel = await chooseKernel(chosen, this.#config, { clusterId: cluster.keys.clusterId, nodes }, this.#log);
    this.#log.info('runs containers', { runtime: this.#runtime.name });
    const { clusterId } = cluster.keys;
    const randomId = (): string => randomBytes(16).toString('hex');
    const network = clusterNetwork(this.#config, this.#runtime.name);
    const replica = (this.#replica = await openState(
      { store, documents: new AutomergeDocuments(), clock: systemClock, log: this.#log },
      { clusterId, randomId, member, network, known: this.#book.map(({ peer }) => peer), damaged: !this.#isIntact },
      this.#stopping.signal,
    ));
    const peer = (this.#peer = await this.#createPeer(identity, cluster, replica, store));
    this.#servers = new ApiServers({ peer, replica, clock: systemClock, random: systemRandom, log: this.#log }, this.#config, cluster.keys);
    await this.#servers.start(this.#stopping.signal);
    peer.onMembers((members) => void this.#keepBook(members));
    await peer.start(this.#stopping.signal);
    this.#servers.ready();
    this.#log.info('is up', { socket: this.#config.socketPath, api: this.#servers.url(), peers: member.peerAddresses[0] ?? '' });
  }

  /** Ends in order; containers go on. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the daemon stops'));
    await this.#servers?.stop();
    await this.#peer?.stop();
    await this.#replica?.stop();
    await this.#store?.close();
  }

  /** Ends every container of this node: for demos and tests, when what started them is gone. */
  async removeContainers(): Promise<void> {
    // The agent would bring back what is bound here.
    await this.#peer?.agent.stop();
    for (const pod of (await this.#runtime?.list()) ?? []) await this.#runtime?.removePod(pod.uid);
    const volumes = this.#volumes();
    for (const uid of await volumes.podUids()) await volumes.remove(uid);
  }

  #volumes(): FolderVolumes {
    const { dataDir } = this.#config;
    const options = { folder: path.join(dataDir, 'parts'), may: process.getuid?.() === 0 };
    const mounts = this.#runtime?.name === 'docker' ? new HostMounts({ run }, options) : undefined;
    return new FolderVolumes({ log: this.#log }, { dataDir: path.join(dataDir, 'pods'), mounts });
  }

  #podFiles(identity: PeerIdentity, { caCertificate }: ClusterKeys): Required<Pick<PeerDeps, 'volumes' | 'accounts'>> {
    return { volumes: this.#volumes(), accounts: new PodAccountTokens({ identity, clock: systemClock }, caCertificate) };
  }

  /** Pods are bound to a node by its name, and its containers bear it: a host that is called something else by now stays the node that it became a member as. */
  #keepNodeName(identity: PeerIdentity): void {
    const { nodeName } = this.#config;
    const kept = this.#book.find(({ peer }) => peer === identity.peer)?.nodeName ?? nodeName;
    if (kept === nodeName) return;
    this.#log.warn(
      'this host stays the node as which it became a member; for another name, remove the node and join anew with an empty --data-dir',
      {
        node: kept,
        ignored: nodeName,
      },
    );
    this.#config = { ...this.#config, nodeName: kept };
  }

  #memberSpec(identity: PeerIdentity): MemberSpec {
    const { peerListen, apiListen, nodeName } = this.#config;
    const addresses = advertisedAddresses(this.#config);
    return {
      peerId: identity.peer,
      nodeName,
      peerAddresses: addresses.map((address) => peerMultiaddr(address, peerListen.port)),
      beatAddresses: addresses.map((address) => hostPortText(address, peerListen.port)),
      apiAddresses: addresses.map((address) => `https://${hostPortText(address, apiListen.port)}`),
      beatKey: identity.beatKeys.publicKey,
      admittedBy: identity.peer,
    };
  }

  /** Where the kernel is told of Services, nobody has to pass connections on. */
  #serviceProxy(runtime: ContainerRuntime['name']): PeerDeps['serviceProxy'] {
    if (this.#kernel.kernel !== undefined) return undefined;
    const isNear = nearness(runtime, this.#config.nodeName);
    return (relay) => new UserSpaceProxy({ clock: systemClock, isNear, relay });
  }

  #createTransport({ privateKey }: PeerIdentity, addresses: readonly string[]): Libp2pTransport {
    const { peerListen } = this.#config;
    return new Libp2pTransport(
      { clock: systemClock, random: systemRandom, log: this.#log },
      {
        privateKey,
        listenAddresses: [listenMultiaddr(peerListen)],
        announceAddresses: addresses.map((address) => peerMultiaddr(address, peerListen.port)),
      },
    );
  }

  async #createPeer(identity: PeerIdentity, cluster: ClusterMembership, replica: DocumentReplica, store: Store): Promise<Peer> {
    const { config, log } = { config: this.#config, log: this.#log };
    const { dataDir, nodeName, peerListen } = config;
    const [clock, random, addresses] = [systemClock, systemRandom, advertisedAddresses(config)];
    const incarnations = new IncarnationCounter({ clock }, { dataDir });
    const incarnation = await incarnations.start();
    const transport = this.#createTransport(identity, addresses);
    const beats = new UdpBeats(
      { clock, log },
      {
        self: identity.peer,
        privateKey: Buffer.from(identity.beatKeys.privateKey, 'base64url'),
        host: peerListen.host,
        port: peerListen.port,
        workerUrl: new URL('./beat-worker.js', bundleFolder()),
      },
    );
    const folder = config.manifests === undefined ? undefined : new DiskFolder({ clock }, { path: config.manifests });
    const runtime = this.#runtime;
    invariant(runtime !== undefined, 'the runtime is chosen before the peer is made');
    const leases = { book: new FileVoteBook({ dataDir }), bootClock, guard: createGuard(dataDir, log) };
    const programs = {
      prober: new TcpProber(),
      health: new NetworkHealthChecker(),
      ...this.#podFiles(identity, cluster.keys),
      ...createNames({ clock, log }, config, this.#kernel.kernel !== undefined),
    };
    return new Peer(
      {
        replica,
        transport,
        beats,
        ...programs,
        runtime,
        store,
        folder,
        hostNetwork: new LinuxNetwork(),
        hostChecks: new SystemChecks({ dataDir }),
        leases,
        kernel: this.#kernel.kernel,
        serviceProxy: this.#serviceProxy(runtime.name),
        identity,
        verify: verifySignature,
        clock,
        random,
        log,
      },
      {
        clusterId: cluster.keys.clusterId,
        node: nodeName,
        incarnation,
        persistIncarnation: async (atLeast) => void (await incarnations.raiseTo(atLeast)),
        ...(await ownState({ store, log })),
        knownMembers: [...cluster.members, ...bookMembers(this.#book, cluster.members)],
        facts: nodeFacts(config, addresses, this.#kernel.facts),
        nodePortHost: config.apiListen.host,
        version: `kith ${KITH_VERSION}, wire ${WIRE_VERSION}`,
      },
    );
  }

  async #keepBook(members: readonly MemberSpec[]): Promise<void> {
    const isRemoved = (peer: string): boolean => (this.#replica?.buriedLife(memberKey(peer)) ?? 0) > 0;
    this.#book = bookWith(this.#book, members, isRemoved, systemClock.now());
    try {
      await savePeerBook(this.#config.dataDir, this.#book);
    } catch (error) {
      this.#log.warn('the peer book could not be written', { error });
    }
  }
}
