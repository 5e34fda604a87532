import { AntiEntropy } from '../../daemon/peer/anti-entropy.ts';
import type { DocumentReplicaOptions } from '../../daemon/peer/replica/document-replica.ts';
import { Replication } from '../../daemon/peer/replication.ts';
import type { Random } from '../../daemon/ports/clock.ts';
import { MemoryNetwork } from './memory-transport.ts';
import type { MemoryTransport } from './memory-transport.ts';
import { makeReplica, TEST_CLUSTER } from './replica-world.ts';
import type { TestReplica } from './replica-world.ts';
import { silentLog } from './silent-log.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Mulberry32 (Tommy Ettinger, public domain): small, and good enough for tests. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)) };
}

export interface SyncedPeer extends TestReplica {
  name: string;
  transport: MemoryTransport;
  antiEntropy: AntiEntropy;
  replication: Replication;
}

/** Replicas that speak to each other over a network in memory, in time that the test moves. */
export class SyncWorld {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly network: MemoryNetwork;
  readonly peers: SyncedPeer[] = [];

  constructor(seed = 1) {
    this.random = seededRandom(seed);
    this.network = new MemoryNetwork({ clock: this.clock, random: this.random });
  }

  async add(name: string, options: Partial<DocumentReplicaOptions> & { incomplete?: boolean } = {}): Promise<SyncedPeer> {
    const randomId = (): string => Buffer.from(this.random.bytes(16)).toString('hex');
    const { incomplete, ...replicaOptions } = options;
    const test = await makeReplica({ randomId, ...replicaOptions });
    const transport = this.network.transport(name);
    const { clock, random } = this;
    const clusterId = options.clusterId ?? TEST_CLUSTER;
    const antiEntropy = new AntiEntropy({ replica: test.replica, transport, clock, random, log: silentLog }, { clusterId });
    const replication = new Replication({ replica: test.replica, transport, antiEntropy, clock, log: silentLog }, { clusterId });
    const peer = { ...test, name, transport, antiEntropy, replication };
    this.peers.push(peer);
    if (incomplete !== true) antiEntropy.setComplete();
    await antiEntropy.start();
    await replication.start();
    await transport.start();
    this.knowEachOther();
    return peer;
  }

  private knowEachOther(): void {
    const members = this.peers.map(({ name }) => name);
    for (const { transport, antiEntropy } of this.peers) {
      transport.setMembers(members.map((peer) => ({ peer, addresses: [] })));
      antiEntropy.setMembers(members);
    }
  }

  equal(): boolean {
    return new Set(this.peers.map(({ replica }) => replica.digest().join())).size === 1;
  }

  async stop(): Promise<void> {
    for (const { antiEntropy, replication, transport, replica } of this.peers) {
      const stopped = Promise.all([replication.stop(), antiEntropy.stop()]);
      await transport.stop();
      await this.clock.pass(20_000);
      await stopped;
      await replica.stop();
    }
  }
}
