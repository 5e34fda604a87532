import type { Clock } from '../../daemon/ports/clock.ts';
import type { Carriage, MemoryTransport } from '../support/memory-transport.ts';
import { MemoryNetwork } from '../support/memory-transport.ts';
import type { HostClock } from '../support/virtual-clock.ts';
import type { Draw } from './draw.ts';
import type { FaultTally } from './faults.ts';
import { arrivalOn, newWay, orderOf } from './way.ts';
import type { Way, WayFault } from './way.ts';

/** When a link that carries nothing is given up: it is looked at every 10 s, and has 8 s to answer (`daemon/adapters/libp2p/limits.ts`). */
const LINK_GIVEN_UP_MS = { least: 8_000, most: 18_000 };
const REDIAL_FIRST_MS = 100;
const REDIAL_LONGEST_MS = 15_000;
/** A lost packet of a stream comes again this much later. */
const RETRANSMIT_MS = 200;
/** Gossip is passed on to so many, where there are more (gossipsub's D, and the share of the mesh that is not yet served). */
const MESH = 6;

/** Share of copies of gossip that come a second time, and when at the latest: gossipsub offers what it passed on for some of its heartbeats. */
const REPEATED = 0.01;
const REPEATED_WITHIN_MS = 5_000;

/** Connections between two peers, taken as one. */
interface Link {
  up: boolean;
  /** Grows with each new connection: nothing passes from one to the next. */
  generation: number;
  downSince: number;
  dialling: boolean;
}

/** Messages and bytes sent, by peer and by what they were. */
export type Traffic = Map<string, Map<string, { messages: number; bytes: number }>>;

/**
 * A network with the faults that networks have. Streams (requests, gossip) wait while a way is blocked, and end with their connection; each keeps its order, and they overtake
 * each other; datagrams are lost, doubled and overtake each other. Gossip comes again now and then: libp2p drops what it has seen in the last two minutes, but knows nothing
 * of what it saw before a restart, and the port promises nothing (`daemon/ports/transport.ts`). A connection over a dead way is noticed only in time, and dialled anew for
 * ever, less and less often.
 */
export class SimNetwork extends MemoryNetwork {
  override readonly sharesPayloads = true;
  readonly traffic: Traffic = new Map();
  /** While a wide cluster is founded: all are connected this soon after they run. */
  dialsWithinMs: number | undefined;
  /** Messages, of all peers. */
  sent = 0;
  /** An answer has come to who asked. */
  onAnswered: (from: string, what: string) => void = () => undefined;
  /** Share of gossip that is lost on each way, as a mesh in disorder loses it. */
  private gossipLost = 0;
  private readonly draw: Draw;
  private readonly ways = new Map<string, Map<string, Way>>();
  private readonly links = new Map<string, Map<string, Link>>();
  private readonly ends = new Map<string, MemoryTransport>();
  private readonly base: WayFault;
  private readonly faults: FaultTally;
  private readonly disorder: Draw | undefined;
  /** Peers whose host lost its power: nobody is told that their connections have ended. */
  private readonly vanished = new Set<string>();
  private readonly stalled = new Set<string>();
  /** Ways that are blocked just now, and when anything about one changed last. */
  private blocks = 0;
  /** Those whose links are to be looked at in this moment. */
  private readonly unsettled = new Set<string>();
  /** Whom each is connected to. */
  private readonly neighbourhoods = new Map<string, Set<string>>();
  private troubledAt = -Infinity;

  /** @param deps.disorder without it all streams of a way keep one order, and gossip comes once */
  constructor(deps: { clock: Clock; draw: Draw; faults: FaultTally; disorder?: Draw | undefined }, base: WayFault) {
    super({ clock: deps.clock, random: deps.draw });
    this.draw = deps.draw;
    this.faults = deps.faults;
    this.disorder = deps.disorder;
    this.base = base;
  }

  override transport(peer: string, host?: HostClock): MemoryTransport {
    for (const other of [...this.neighbourhood(peer)]) this.end(peer, other);
    this.vanished.delete(peer);
    const transport = super.transport(peer, host);
    this.ends.set(peer, transport);
    return transport;
  }

  /** To be called before the transport of a host without power is stopped. */
  vanish(peer: string): void {
    this.vanished.add(peer);
    for (const other of this.neighbourhood(peer)) this.giveUpLater(peer, other);
  }

  /** To be called when a host begins to stand still as a whole: who is connected to it finds out in time, and nobody can connect to it. */
  stall(peer: string): void {
    this.stalled.add(peer);
    for (const other of this.neighbourhood(peer)) this.giveUpLater(peer, other);
  }

  goOn(peer: string): void {
    this.stalled.delete(peer);
  }

  setWay(from: string, to: string, fault: Partial<WayFault>): void {
    this.troubledAt = this.clock.monotonic();
    Object.assign(this.way(from, to), this.base, fault);
  }

  /** Whether anything was wrong with any way since then. */
  isTroubled(since: number): boolean {
    return this.blocks > 0 || this.gossipLost > 0 || this.troubledAt >= since;
  }

  get gossipLoss(): number {
    return this.gossipLost;
  }

  set gossipLoss(share: number) {
    this.troubledAt = this.clock.monotonic();
    this.gossipLost = share;
  }

  block(from: string, to: string): void {
    this.blocks += 1;
    this.way(from, to).blocked += 1;
    this.giveUpLater(from, to);
  }

  unblock(from: string, to: string): void {
    const way = this.way(from, to);
    if (way.blocked > 0) this.blocks -= 1;
    this.troubledAt = this.clock.monotonic();
    way.blocked = Math.max(0, way.blocked - 1);
    this.release(from, to, way);
  }

  override healAll(): void {
    if (this.blocks > 0) this.troubledAt = this.clock.monotonic();
    this.blocks = 0;
    if (this.gossipLost > 0) this.gossipLoss = 0;
    for (const [from, ways] of this.ways) {
      for (const [to, way] of ways) {
        Object.assign(way, this.base, { blocked: 0 });
        this.release(from, to, way);
      }
    }
  }

  override connected(left: string, right: string): boolean {
    return this.neighbourhood(left).has(right);
  }

  override isOpen(left: string, right: string): boolean {
    if (this.blocks === 0) return true;
    return this.isPassable(left, right) && this.isPassable(right, left);
  }

  /** Whether packets pass in this direction, whoever listens. */
  passes(from: string, to: string): boolean {
    return this.way(from, to).blocked === 0;
  }

  /** Whether the way is as good as any: open, and with no more delay and loss than all have. */
  isSound(from: string, to: string): boolean {
    const { blocked, delayMs, loss } = this.way(from, to);
    return blocked === 0 && delayMs === this.base.delayMs && loss === this.base.loss;
  }

  override roundTripMs(left: string, right: string): number {
    return this.way(left, right).delayMs + this.way(right, left).delayMs;
  }

  override linked({ self }: MemoryTransport): readonly string[] {
    return [...this.neighbourhood(self)];
  }

  /** As gossipsub: what is new goes to the mesh, and from there on. Where there is no more than two meshes, to all. */
  override neighbours({ self }: MemoryTransport): readonly string[] {
    const all = [...this.neighbourhood(self)];
    if (all.length <= 2 * MESH) return all;
    const start = Math.floor(this.draw.next() * all.length);
    return Array.from({ length: MESH }, (_, index) => all[(start + index * 7) % all.length] ?? '');
  }

  override redial(from: string, to: string): void {
    this.end(from, to);
    this.settle(from);
  }

  override dialNow(from: string, to: string): void {
    const link = this.link(from, to);
    if (!link.up) this.clock.after(this.draw.next() * REDIAL_FIRST_MS, () => void this.connect(from, to, link));
  }

  /** Looks at the links of one peer, or of all, once however many ask for it in the same moment. */
  override settle(of?: string): void {
    if (this.unsettled.size === 0) this.clock.after(0, () => this.settleThose());
    for (const peer of of === undefined ? this.ends.keys() : [of]) this.unsettled.add(peer);
  }

  /** Ends the links of who stopped or lists the other no more, and dials those that are missing. */
  private settleThose(): void {
    const those = [...this.unsettled];
    this.unsettled.clear();
    const done = new Set<string>();
    for (const left of those) {
      done.add(left);
      for (const right of this.ends.keys()) {
        if (done.has(right)) continue;
        const link = this.link(left, right);
        if (link.up && this.isGone(left, right)) this.end(left, right);
        if (!link.up && (this.seeks(left, right) || this.seeks(right, left))) this.dial(left, right, link);
        this.tell(left, right);
      }
    }
  }

  private tell(left: string, right: string): void {
    this.ends.get(left)?.settleWith(right);
    this.ends.get(right)?.settleWith(left);
  }

  override carry(from: string, to: string, arrive: () => void, carriage: Carriage): void {
    this.count(from, carriage);
    // In a wide cluster most copies are such.
    if (carriage.isKnown === true && this.neighbourhood(from).size > 2 * MESH) return;
    const way = this.way(from, to);
    if (way.blocked > 0) this.faults.note(this.isPassable(to, from) ? 'cutOneWay' : 'cutBothWays');
    else if (way.delayMs > this.base.delayMs) this.faults.note('delayed');
    if (carriage.what === 'beats') return this.carryDatagram(way, arrive);
    if (!carriage.reliable && this.gossipLost > 0 && this.draw.chance(this.gossipLost)) return this.faults.note('gossipLost');
    const link = this.link(from, to);
    const { generation } = link;
    if (!link.up) return;
    const send = (): void => {
      const now = this.clock.monotonic();
      const again = this.draw.chance(way.loss) ? RETRANSMIT_MS : 0;
      if (again > 0) this.faults.note('sentAgain');
      const before = way.arrivesAt;
      const arrivesAt = arrivalOn(way, this.disorder === undefined ? way : orderOf(way, carriage), now + this.delayOf(way) + again);
      if (arrivesAt < before) this.faults.note('streamsOvertaken');
      if (again > 0) way.stuckUntil = Math.max(way.stuckUntil, arrivesAt);
      this.clock.after(arrivesAt - now, () => {
        if (!link.up || link.generation !== generation) return;
        arrive();
        if (carriage.isAnswer === true) this.onAnswered(from, carriage.what);
        this.repeat(link, carriage);
      });
    };
    if (way.blocked > 0) way.held.push({ generation, send });
    else send();
  }

  private repeat(link: Link, { repeat }: Carriage): void {
    if (repeat === undefined || this.disorder?.chance(REPEATED) !== true) return;
    this.clock.after(this.disorder.duration(1, REPEATED_WITHIN_MS), () => {
      if (!link.up) return;
      this.faults.note('gossipRepeated');
      repeat();
    });
  }

  private carryDatagram(way: Way, arrive: () => void): void {
    if (way.blocked > 0) return;
    if (this.draw.chance(way.loss)) return this.faults.note('lost');
    const delayMs = this.delayOf(way);
    const arrivesAt = this.clock.monotonic() + delayMs;
    if (arrivesAt < way.datagramsAt) this.faults.note('overtaken');
    way.datagramsAt = Math.max(way.datagramsAt, arrivesAt);
    this.clock.after(delayMs, arrive);
    if (!this.draw.chance(way.duplicate)) return;
    this.faults.note('doubled');
    this.clock.after(this.delayOf(way), arrive);
  }

  private delayOf({ delayMs, jitterMs }: Way): number {
    return delayMs + this.draw.next() * jitterMs;
  }

  private release(from: string, to: string, way: Way): void {
    if (way.blocked > 0) return;
    const { generation } = this.link(from, to);
    const held = way.held.splice(0).filter((each) => each.generation === generation);
    this.faults.note('clogged', held.length);
    for (const each of held) each.send();
  }

  private count(from: string, { what, bytes }: Carriage): void {
    this.sent += 1;
    let kinds = this.traffic.get(from);
    if (kinds === undefined) this.traffic.set(from, (kinds = new Map<string, { messages: number; bytes: number }>()));
    const sent = kinds.get(what);
    if (sent === undefined) return void kinds.set(what, { messages: 1, bytes });
    sent.messages += 1;
    sent.bytes += bytes;
  }

  private isGone(left: string, right: string): boolean {
    const gone = (peer: string, other: string): boolean => {
      const end = this.ends.get(peer);
      return !this.vanished.has(peer) && this.isOpen(left, right) && (end?.running !== true || !end.lists(other));
    };
    return gone(left, right) || gone(right, left);
  }

  private seeks(peer: string, other: string): boolean {
    const end = this.ends.get(peer);
    return end?.running === true && end.lists(other) && this.ends.get(other)?.running === true;
  }

  private dial(left: string, right: string, link: Link): void {
    if (link.dialling) return;
    link.dialling = true;
    const downMs = this.clock.monotonic() - link.downSince;
    const usualMs = REDIAL_FIRST_MS * 0.2 + this.draw.next() * Math.min(REDIAL_LONGEST_MS, REDIAL_FIRST_MS + downMs / 2);
    const waitMs = this.dialsWithinMs === undefined ? usualMs : this.draw.next() * this.dialsWithinMs;
    this.clock.after(waitMs, () => {
      link.dialling = false;
      if (!this.connect(left, right, link)) this.dial(left, right, link);
    });
  }

  /** Whether there is nothing more to try. */
  private connect(left: string, right: string, link: Link): boolean {
    const [seeks, sought] = [this.seeks(left, right), this.seeks(right, left)];
    if (link.up || (!seeks && !sought)) return true;
    if (!this.isOpen(left, right) || this.stalled.has(left) || this.stalled.has(right)) return false;
    if (!seeks || !sought) {
      // One of them does not list the other any more, and may have something to say to it.
      this.ends.get(seeks ? left : right)?.knockAt(seeks ? right : left);
      return false;
    }
    link.up = true;
    this.neighbourhood(left).add(right);
    this.neighbourhood(right).add(left);
    link.generation += 1;
    this.tell(left, right);
    return true;
  }

  private end(left: string, right: string): void {
    const link = this.link(left, right);
    if (!link.up) return;
    link.up = false;
    this.neighbourhood(left).delete(right);
    this.neighbourhood(right).delete(left);
    link.downSince = this.clock.monotonic();
    for (const way of [this.way(left, right), this.way(right, left)]) way.held.length = 0;
  }

  private giveUpLater(left: string, right: string): void {
    const link = this.link(left, right);
    const { generation } = link;
    const { least, most } = LINK_GIVEN_UP_MS;
    this.clock.after(this.draw.int(least, most), () => {
      const isDead = !this.isOpen(left, right) || this.isSilent(left) || this.isSilent(right);
      if (!link.up || link.generation !== generation || !isDead) return;
      this.faults.note('linkGivenUp');
      this.end(left, right);
      this.settle(left);
    });
  }

  private isSilent(peer: string): boolean {
    return this.vanished.has(peer) || this.stalled.has(peer);
  }

  private isPassable(from: string, to: string): boolean {
    return this.way(from, to).blocked === 0;
  }

  private neighbourhood(peer: string): Set<string> {
    let peers = this.neighbourhoods.get(peer);
    if (peers === undefined) this.neighbourhoods.set(peer, (peers = new Set()));
    return peers;
  }

  private way(from: string, to: string): Way {
    let ways = this.ways.get(from);
    if (ways === undefined) this.ways.set(from, (ways = new Map<string, Way>()));
    let way = ways.get(to);
    if (way === undefined) ways.set(to, (way = newWay(this.base)));
    return way;
  }

  private link(left: string, right: string): Link {
    const [lower, higher] = left < right ? [left, right] : [right, left];
    let links = this.links.get(lower);
    if (links === undefined) this.links.set(lower, (links = new Map<string, Link>()));
    let link = links.get(higher);
    if (link === undefined) links.set(higher, (link = { up: false, generation: 0, downSince: this.clock.monotonic(), dialling: false }));
    return link;
  }
}
