import type { Mutation } from '../../../protocol/desired.ts';
import type { Binding, DesiredObject } from '../../../protocol/objects.ts';
import type { Node } from '../../../protocol/types.ts';
import type { RuntimeEvent } from '../../support/simulated-runtime.ts';
import { Violation } from '../checker.ts';
import type { Acknowledged, Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import { ownerOf } from './containers.ts';

/** How long nothing must have been wrong before all is expected to be well: three silences, a redial, and two rounds of anti-entropy. */
const QUIET_MS = 30_000;

/** Who lives refutes its death when it hears of it: with the next comparison, a redial before that. */
const REFUTED_MS = 15_000;

/** Where nothing is wrong, nobody is held for dead. */
export class AnytimeTheLivingAreNotDead implements Checker {
  readonly name = 'anytimeTheLivingAreNotDead';

  onTick(world: SimWorld): void {
    if (world.quietMs() < REFUTED_MS) return;
    const ids = new Set(world.lasting().map(({ id }) => id));
    for (const { node, isGone, daemon } of world.running()) {
      if (isGone) continue;
      const dead = daemon.peer.view.members().find(({ state, spec }) => state === 'dead' && ids.has(spec.peerId));
      if (dead !== undefined)
        throw new Violation(this.name, `${node} holds ${dead.spec.nodeName} for dead, and nothing is wrong for ${REFUTED_MS / 1000} s`);
    }
  }
}

/** Where nothing is wrong, a pod is started on one node only: heirs take turns, and one scheduler binds. */
export class AnytimeOnePlaceAPod implements Checker {
  readonly name = 'anytimeOnePlaceAPod';
  private readonly places = new Map<string, { node: string; at: number }>();

  onContainer(host: SimHost, { what, podUid, at }: RuntimeEvent, world: SimWorld): void {
    if (what !== 'start') return;
    const before = this.places.get(podUid);
    this.places.set(podUid, { node: host.node, at });
    if (before === undefined || before.node === host.node) return;
    // Both starts in a time without cuts: what a pause or a crash does to one of them is enough of an excuse.
    if (world.quietMs() < at - before.at + QUIET_MS) return;
    throw new Violation(this.name, `${podUid} was started on ${before.node}, then on ${host.node}, and nothing was wrong`);
  }
}

interface Claim {
  node: string;
  at: number;
  rank: number;
  /** Since when the node whose pod it was is down; undefined: it is up, or nobody knows which it was. */
  lostAt: number | undefined;
}

/** What an heir takes from a dead node while the network is whole, one heir takes: the next one's turn comes when it sees no claim. */
export class AnytimeOneHeirClaims implements Checker {
  readonly name = 'anytimeOneHeirClaims';
  private readonly claims = new Map<string, Claim>();
  /** Of each slot, or name of a bare pod: the nodes of the pods that filled it, newest last. */
  private readonly homes = new Map<string, Map<string, string>>();
  private readonly downSince = new Map<string, number>();
  /** When a node's disk took nothing in last, of what it was told either, or took its time. */
  private readonly fullAt = new Map<string, number>();
  /** When a node's daemon had died, as seen at a tick or at its next start. */
  private readonly diedAt = new Map<string, number>();

  onTick({ hosts, clock }: SimWorld): void {
    for (const { node, daemon, disk } of hosts) {
      if (disk.isFull || disk.slowMs > 0) this.fullAt.set(node, clock.monotonic());
      if (daemon !== undefined) this.downSince.delete(node);
      else if (!this.downSince.has(node)) {
        this.downSince.set(node, clock.monotonic());
        this.diedAt.set(node, clock.monotonic());
      }
    }
  }

  onBoot(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    this.diedAt.set(host.node, world.clock.monotonic());
    replica.onChanged((changes) => {
      for (const { key, after } of changes) if (after !== undefined && key.startsWith('pods/')) this.note(after);
    });
    replica.onWritten(({ changes }) =>
      world.guard(() => {
        for (const { key } of changes) {
          if (!key.startsWith('pods/')) continue;
          const pod = replica.get(key);
          const binding = pod?.object.kith?.binding;
          if (pod === undefined || binding?.by !== 'heir' || binding.node !== host.node) continue;
          const lostAt = this.downSince.get(this.homeBefore(pod) ?? '');
          this.look(pod, { node: host.node, at: world.clock.monotonic(), rank: binding.rank, lostAt }, world);
        }
      }),
    );
  }

  private note(pod: DesiredObject): void {
    const node = pod.object.kith?.binding?.node;
    if (node === undefined) return;
    const place = placeOf(pod);
    const homes = this.homes.get(place) ?? new Map<string, string>();
    this.homes.set(place, homes);
    if (!homes.has(pod.uid)) homes.set(pod.uid, node);
  }

  private homeBefore(pod: DesiredObject): string | undefined {
    return [...(this.homes.get(placeOf(pod)) ?? [])].findLast(([uid]) => uid !== pod.uid)?.[1];
  }

  private look(pod: DesiredObject, claim: Claim, world: SimWorld): void {
    const before = this.claims.get(pod.uid);
    this.claims.set(pod.uid, claim);
    const { node, at } = claim;
    if (before === undefined || before.node === node || world.troubles > 0 || world.network.isTroubled(at - CLAIM_MS)) return;
    if (at - (this.fullAt.get(node) ?? Number.NEGATIVE_INFINITY) < CLAIM_MS) return;
    // Who claimed first died before anybody had heard so.
    const livedMs = (this.diedAt.get(before.node) ?? Number.NEGATIVE_INFINITY) - before.at;
    if (livedMs >= 0 && livedMs < HEARD_MS + TICK_MS) return;
    // The turns of both had begun, since the first one has more to claim than it may have in flight: they came to this pod in the same moment.
    if (at - before.at < HEARD_MS && isInTurn(before) && isInTurn(claim)) return;
    throw new Violation(
      this.name,
      `${pod.key} was claimed by ${before.node} and ${at - before.at} ms later by ${node}, with no trouble on the network`,
    );
  }
}

/** What a pod fills, whichever pod does. */
function placeOf({ key, object }: DesiredObject): string {
  const slot = object.kith?.slot;
  return slot === undefined ? key : `${slot.owner} ${slot.slot}`;
}

function isInTurn({ at, rank, lostAt }: Claim): boolean {
  return lostAt !== undefined && at - lostAt >= rank * TURN_MS;
}

/** What is promised between the turns of two heirs, whatever the daemon's settings say. */
const TURN_MS = 2_000;
/** Until a claim that was just written is heard of and acted on by all others. */
const HEARD_MS = 100;
/** Between two ticks of the checkers. */
const TICK_MS = 500;
/** Longer than a claim takes to reach everybody where nothing is wrong with the network. */
const CLAIM_MS = 30_000;

/** A scheduler that knows of a cordon places nothing there. */
export class AnytimeCordonsHold implements Checker {
  readonly name = 'anytimeCordonsHold';

  onBoot(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    const bound = new Set<string>();
    replica.onChanged((changes) => {
      for (const { after } of changes) if (after?.object.kith?.binding !== undefined) bound.add(after.uid);
    });
    const write = replica.write.bind(replica);
    replica.write = (mutations) => {
      world.guard(() => {
        for (const mutation of mutations) {
          if (mutation.type === 'bury' || !mutation.key.startsWith('pods/')) continue;
          const binding = (mutation.type === 'create' ? mutation.object : mutation.next).kith?.binding;
          const before = replica.get(mutation.key)?.object.kith?.binding;
          if (binding === undefined || before !== undefined || binding.by === 'user') continue;
          const node = replica.get(`nodes//${binding.node}`)?.object as Node | undefined;
          if (node?.spec?.unschedulable === true) {
            throw new Violation(this.name, `${host.node} places ${mutation.key} on ${binding.node}, which it knows to be cordoned`);
          }
        }
      });
      return write(mutations);
    };
  }
}

/** Of two bindings of a pod the one counts whose author saw more members. */
export class AnytimeTheMajoritysBindingCounts implements Checker {
  readonly name = 'anytimeTheMajoritysBindingCounts';

  onBoot(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    replica.onChanged((changes) =>
      world.guard(() => {
        for (const { key, after } of changes) {
          const decided = after?.conflicts.find(({ path }) => path === '/kith/binding');
          if (decided === undefined) continue;
          const winner = decided.winner as unknown as Binding;
          const better = (decided.losers as unknown as Binding[]).find(({ membersSeen }) => membersSeen > winner.membersSeen);
          if (better === undefined) continue;
          const why = `whose author saw ${winner.membersSeen} members, over ${better.node}, whose author saw ${better.membersSeen}`;
          throw new Violation(this.name, `${host.node} takes ${winner.node} for ${key}, ${why}`);
        }
      }),
    );
  }
}

/** A pod that was running all the time is not ended for a replacement that a minority made. */
export class AnytimeTheOriginalIsKept implements Checker {
  readonly name = 'anytimeTheOriginalIsKept';
  /** Uids of pods that a user asked to be deleted, or whose owner changed in a way that may end them. */
  private readonly touched = new Set<string>();
  /** What is started where: by its end there may be only a grave of it. */
  private readonly started = new Map<string, { at: number; aheadMs: number; pod: DesiredObject; owner: DesiredObject }>();
  private readonly claims = new Map<string, { at: number; minority: boolean }>();
  /** When the replacement was made by the clocks of those who did, by slot and generation: of one that several made any of them may have said so. */
  private readonly madeAt = new Map<string, number>();
  /** Where any peer held a pod to be bound, by uid. */
  private readonly homes = new Map<string, Set<string>>();

  onAsked(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) if (mutation.type !== 'create') this.touched.add(mutation.uid);
  }

  onAcknowledged(_host: SimHost, { mutations, objects }: Acknowledged): void {
    for (const [index, { uid, object }] of objects.entries()) {
      const mutation = mutations[index];
      if (mutation?.type === 'create') continue;
      this.touched.add(uid);
      for (const owner of object.metadata.ownerReferences ?? []) this.touched.add(owner.uid);
    }
  }

  onBoot(host: SimHost, daemon: SimDaemon, world: SimWorld): void {
    daemon.replica.onChanged((changes) => {
      for (const { after } of changes) {
        const node = after?.object.kith?.binding?.node;
        if (after !== undefined && node !== undefined) this.homes.set(after.uid, (this.homes.get(after.uid) ?? new Set()).add(node));
      }
    });
    daemon.replica.onWritten(({ changes }) => {
      for (const { key } of changes) {
        for (const [slot, { claim, generation }] of Object.entries(daemon.replica.get(key)?.object.kith?.slots ?? {})) {
          const name = `${daemon.replica.get(key)?.uid} ${slot} ${claim?.from} ${generation}`;
          if (claim === undefined || this.claims.has(`${name} ${claim.node}`)) continue;
          const at = world.clock.monotonic();
          this.madeAt.set(name, Math.min(at + host.aheadMs, this.madeAt.get(name) ?? Infinity));
          this.claims.set(`${name} ${claim.node}`, { at, minority: claim.membersSeen * 2 <= claim.membersKnown });
        }
      }
    });
  }

  onContainer(host: SimHost, { what, podUid, at, by }: RuntimeEvent): void {
    const { daemon } = host;
    // An order that was on its way when its daemon died: what ran there before runs no more.
    if (what === 'start') this.started.delete(`${host.node} ${podUid}`);
    // Who was removed ends all that it runs.
    if (daemon === undefined || daemon.peer.view.removed) return;
    if (what === 'start') {
      const pod = [...daemon.replica.list('pods')].find(({ uid }) => uid === podUid);
      const owner = pod === undefined ? undefined : ownerOf(daemon, pod);
      // A host that lost its disk may start what it knows again before it knows the owner: what ran there before runs no more.
      if (pod !== undefined && owner !== undefined) this.started.set(`${host.node} ${podUid}`, { at, aheadMs: host.aheadMs, pod, owner });
    }
    const isEnd = what === 'stop' || (what === 'kill' && by === 'order');
    const started = this.started.get(`${host.node} ${podUid}`);
    if (!isEnd || started === undefined) return;
    const { pod } = started;
    // Two sides made the same pod, and this is the copy whose binding does not count; or nobody can tell any more, since the pod is buried.
    const home = daemon.replica.get(pod.key)?.object.kith?.binding?.node;
    if (home === undefined ? (this.homes.get(podUid)?.size ?? 0) > 1 : home !== host.node) return;
    const slot = pod.object.kith?.slot;
    const owner = daemon.replica.get(started.owner.key);
    const state = owner?.object.kith?.slots?.[String(slot?.slot)];
    if (slot === undefined || owner?.uid !== started.owner.uid || state?.claim?.from !== slot.generation) return;
    const isTouched = this.touched.has(podUid) || owner.object.kith?.retired?.includes(slot.slot) === true;
    const chain = [owner.uid, ...(owner.object.metadata.ownerReferences ?? []).map(({ uid }) => uid)];
    if (isTouched || chain.some((uid) => this.touched.has(uid))) return;
    // Two sides may have claimed it for one generation: only one of the claims counts.
    const name = `${owner.uid} ${slot.slot} ${slot.generation} ${state.generation}`;
    const claim = this.claims.get(`${name} ${state.claim.node}`);
    // Which was first is judged by the clocks of two hosts; the engine's, which tells when it was started, may be ahead of the daemon's.
    const isSo = started.at + Math.max(0, started.aheadMs) < (this.madeAt.get(name) ?? 0) - 1_000;
    if (claim?.minority === true && isSo && started.at < claim.at - 1_000) {
      throw new Violation(this.name, `${host.node} ends ${pod.key}, which ran since before a minority claimed its slot`);
    }
  }
}
