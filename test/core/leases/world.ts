import { LeaseParty, type Outgoing } from '../../../daemon/core/leases/party.ts';
import type { Elector } from '../../../daemon/core/leases/proposer.ts';
import { initialVoter, restartedVoter, type VoterState } from '../../../daemon/core/leases/voter.ts';
import { leaseSettings, type LeaseAnswer, type LeaseRequest, type LeaseSettings } from '../../../protocol/leases.ts';

/** What is wrong on purpose, to see that the checker finds it. */
export type Bug =
  | 'no-margin'
  | 'counts-from-answer'
  | 'forgets-at-restart'
  | 'rash-electorates'
  | 'old-electorates'
  | 'hasty-release'
  | 'no-guard'
  | 'false-word';

const RESOURCE = 'owner/0';
const TICK_MS = 100;
const NODES = ['a', 'b', 'c', 'd', 'e'];

/** Hosts of a world: how many that is decides what a majority is, and of two one can be left. */
export type Size = 2 | 3 | 5;

interface Copy {
  token: number;
  startedAt: number;
  /** The guard's: on the node's clock. */
  deadline: number;
  diesAt: number;
}

interface Host {
  name: string;
  rate: number;
  offset: number;
  party: LeaseParty;
  disk: VoterState;
  incarnation: number;
  pausedUntil: number;
  downUntil: number;
  wants: boolean;
  /** A person said that this incarnation of it is off. */
  confirmed: number;
  copy?: Copy;
  /** Bumped at each start: what was meant for an earlier run is lost. */
  run: number;
  held: (() => void)[];
}

/** Mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Hosts with clocks of their own, messages that are lost, doubled and late, daemons that pause and crash: true time is known to the checker only. */
export class LeaseWorld {
  readonly #random: () => number;
  /** Of what people say and disks lose: on its own, so that all else is drawn as without them. */
  readonly #chance: () => number;
  readonly #bug: Bug | undefined;
  readonly #settings: LeaseSettings;
  readonly #nodes: readonly string[];
  readonly #hosts: Host[];
  readonly #queue: { at: number; order: number; run: () => void }[] = [];
  readonly violations: string[] = [];
  starts = 0;
  takeovers = 0;
  kills = 0;
  electorates = 1;
  /** Times that a person said that a host is off, and times that one of two went on alone. */
  words = 0;
  alone = 0;
  #order = 0;
  #now = 0;
  #last: { token: number; host: string } | undefined;
  #loss = 0;
  #cut = new Set<string>();

  constructor(seed: number, bug?: Bug, size: Size = 5) {
    this.#random = randomOf(seed);
    this.#chance = randomOf(seed ^ 0x5eed);
    this.#bug = bug;
    const wrong: Partial<LeaseSettings> = bug === 'no-margin' ? { withholdMs: 9_500 } : bug === 'rash-electorates' ? { settleMs: 0 } : {};
    this.#settings = { ...leaseSettings, ...wrong };
    this.#nodes = NODES.slice(0, size);
    this.#hosts = this.#nodes.map((name) => this.#newHost(name));
    this.#hosts[0]!.party.learn({ version: 1, members: ['a'] }, this.#clock(this.#hosts[0]!));
    this.#hosts[0]!.disk = this.#hosts[0]!.party.voter;
    for (const host of this.#hosts) this.#at(this.#random() * TICK_MS, () => this.#tick(host));
  }

  run(untilMs: number): void {
    for (let at = 500; at < untilMs; at += 500) this.#at(at, () => this.#trouble());
    while (this.#queue.length > 0) {
      const next = this.#queue.shift()!;
      if (next.at > untilMs) return;
      this.#now = next.at;
      next.run();
      if (this.violations.length > 0) return;
    }
  }

  #newHost(name: string): Host {
    const rate = 1 + (this.#random() * 2 - 1) * this.#settings.drift;
    const host: Host = {
      name,
      rate,
      offset: this.#random() * 1e6,
      party: undefined as unknown as LeaseParty,
      disk: initialVoter(name, 0),
      incarnation: 0,
      pausedUntil: 0,
      downUntil: 0,
      wants: false,
      confirmed: -1,
      run: 0,
      held: [],
    };
    this.#start(host);
    return host;
  }

  #clock(host: Host): number {
    const { clockStepMs } = this.#settings;
    return Math.floor((host.offset + host.rate * this.#now) / clockStepMs) * clockStepMs;
  }

  #start(host: Host): void {
    host.incarnation += 1;
    host.run += 1;
    host.held = [];
    const now = this.#clock(host);
    const voter = this.#bug === 'forgets-at-restart' ? { ...host.disk, grants: new Map() } : restartedVoter(host.disk, now);
    host.party = new LeaseParty(voter, {
      settings: this.#settings,
      incarnation: () => host.incarnation,
      isDead: (name, incarnation) => incarnation <= (this.#hosts.find((one) => one.name === name)?.confirmed ?? -1),
      chance: this.#random,
    });
    const { copy } = host;
    if (copy !== undefined && copy.deadline > now) host.party.resume(RESOURCE, host.name, copy.token, copy.deadline, now);
  }

  #trouble(): void {
    const pick = <T>(items: readonly T[]): T => items[Math.floor(this.#random() * items.length)]!;
    const host = pick(this.#hosts);
    const dice = this.#random();
    if (dice < 0.1) this.#loss = this.#random() < 0.5 ? 0 : this.#random() * 0.4;
    else if (dice < 0.2) this.#cut = new Set(this.#nodes.filter(() => this.#random() < 0.4));
    else if (dice < 0.3) this.#cut = new Set();
    else if (dice < 0.36) host.pausedUntil = this.#now + this.#random() * 25_000;
    else if (dice < 0.42) this.#crash(host);
    else if (dice < 0.62) this.#hosts.forEach((one) => (one.wants = this.#random() < 0.6));
    else if (dice < 0.7) host.wants = !host.wants;
  }

  /** Of the daemon, or of the whole host: then its copy dies, too. */
  #crash(host: Host): void {
    const isHost = this.#random() < 0.3;
    if (isHost && host.copy !== undefined) this.#kill(host, host.copy);
    // Who looks after it, and says so.
    if ((isHost || this.#bug === 'false-word') && this.#chance() < 0.5) {
      const { incarnation } = host;
      this.#at(this.#now + this.#chance() * 3_000, () => {
        if (this.#now >= host.downUntil || host.incarnation !== incarnation) return;
        host.confirmed = incarnation;
        this.words += 1;
      });
    }
    host.run += 1;
    host.held = [];
    host.downUntil = this.#now + this.#random() * 15_000;
    const { run } = host;
    this.#at(host.downUntil, () => {
      if (host.run === run) this.#start(host);
    });
  }

  #at(at: number, run: () => void): void {
    this.#order += 1;
    const entry = { at, order: this.#order, run };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#queue[middle]!;
      if (other.at < at || (other.at === at && other.order < entry.order)) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, entry);
  }

  /** Carries out what reaches the daemon: at once, after its pause, or never. */
  #reach(host: Host, run: number, act: () => void): void {
    if (host.run !== run || this.#now < host.downUntil) return;
    if (this.#now < host.pausedUntil) this.#at(host.pausedUntil, () => this.#reach(host, run, act));
    else act();
  }

  #tick(host: Host): void {
    this.#at(this.#now + TICK_MS, () => this.#tick(host));
    if (this.#now < host.downUntil || this.#now < host.pausedUntil) return;
    const now = this.#clock(host);
    this.#steer(host, now);
    const electors = this.#random() < 0.05 ? this.#electors() : undefined;
    const { length } = host.party.electorate.members;
    this.#send(host, host.party.tick(now, electors));
    if (length === 2 && host.party.electorate.members.length === 1) {
      this.alone += 1;
      host.disk = host.party.voter;
    }
    this.#steer(host, now);
  }

  /** As some leader or other sees them. */
  #electors(): Elector[] {
    const known = this.#hosts.filter(() => this.#random() < 0.7 || this.#hosts.length === 2);
    return known.map(({ name, incarnation, confirmed, downUntil }) => {
      const off = this.#now < downUntil && incarnation <= confirmed;
      return { peer: name, alive: !off };
    });
  }

  /** What the agent does: asks while the pod is wanted, starts while it holds, gives back when nothing is left. */
  #steer(host: Host, now: number): void {
    const { party } = host;
    const candidacy = party.candidacy(RESOURCE, host.name);
    if (candidacy?.lost === true) {
      if (this.#bug === 'hasty-release' || host.copy === undefined) this.#send(host, party.drop(RESOURCE, host.name));
      return;
    }
    if (!host.wants) {
      if (host.copy !== undefined) this.#kill(host, host.copy);
      this.#send(host, party.drop(RESOURCE, host.name));
      return;
    }
    if (candidacy === undefined && host.copy === undefined) party.want(RESOURCE, host.name, now);
    if (candidacy?.heldUntil === undefined || now >= candidacy.heldUntil) return;
    const late = this.#bug === 'counts-from-answer' ? 2_000 : 0;
    if (host.copy !== undefined) this.#arm(host, host.copy, candidacy.heldUntil + late);
    else if (candidacy.heldUntil - now >= this.#settings.startRoomMs) this.#launch(host, candidacy.term, candidacy.heldUntil + late);
  }

  #launch(host: Host, token: number, deadline: number): void {
    this.starts += 1;
    for (const other of this.#hosts)
      if (other.copy !== undefined)
        this.violations.push(`at ${this.#now} ${host.name} starts with ${token} while ${other.name} runs with ${other.copy.token}`);
    if (this.#last !== undefined && this.#last.host !== host.name) this.takeovers += 1;
    if (this.#last !== undefined && token < this.#last.token)
      this.violations.push(`token ${token} of ${host.name} after ${this.#last.token} of ${this.#last.host}`);
    this.#last = { token, host: host.name };
    host.copy = { token, startedAt: this.#now, deadline: 0, diesAt: 0 };
    this.#arm(host, host.copy, deadline);
  }

  /** The guard needs no daemon. It is late by as much as the settings allow. */
  #arm(host: Host, copy: Copy, deadline: number): void {
    if (deadline <= copy.deadline) return;
    copy.deadline = deadline;
    if (this.#bug === 'no-guard' && this.#now < host.pausedUntil) return;
    copy.diesAt = (deadline - host.offset) / host.rate + this.#random() * this.#settings.killMs;
    this.#at(copy.diesAt, () => {
      if (host.copy !== copy || this.#now < copy.diesAt) return;
      if (this.#bug === 'no-guard' && this.#now < host.pausedUntil)
        this.#at(host.pausedUntil, () => host.copy === copy && this.#kill(host, copy));
      else this.#kill(host, copy);
    });
  }

  #kill(host: Host, copy: Copy): void {
    this.kills += 1;
    if (host.copy === copy) host.copy = undefined;
  }

  #send(host: Host, outgoing: readonly Outgoing[]): void {
    const { run } = host;
    for (const one of outgoing) {
      const to = this.#hosts.find(({ name }) => name === one.to)!;
      const answer = (request: LeaseRequest): void =>
        this.#travel(host, to, () => this.#handle(host, to, request, (said) => this.#back(host, run, to, one, said)));
      answer(one.request);
      if (this.#random() < 0.05) answer(one.request);
    }
  }

  #back(host: Host, run: number, from: Host, sent: Outgoing, answer: LeaseAnswer): void {
    this.#travel(from, host, () =>
      this.#reach(host, run, () => {
        const next = host.party.answered(sent, answer, this.#clock(host));
        // On disk before it is acted on, unless the crash is faster.
        if (this.#chance() < 0.95) host.disk = host.party.voter;
        this.#send(host, next);
      }),
    );
  }

  #handle(from: Host, to: Host, request: LeaseRequest, answer: (answer: LeaseAnswer) => void): void {
    const { run } = to;
    this.#reach(to, run, () => {
      const isOld = this.#bug === 'old-electorates' && request.type === 'vote' && request.version < to.party.electorate.version;
      const said = to.party.handle(from.name, isOld ? { ...request, version: to.party.electorate.version } : request, this.#clock(to));
      this.electorates = Math.max(this.electorates, to.party.electorate.version);
      // On disk before it is said; a crash in between loses the answer only.
      to.disk = to.party.voter;
      answer(said);
    });
  }

  #travel(from: Host, to: Host, arrive: () => void): void {
    const isCut = from !== to && this.#cut.has(from.name) !== this.#cut.has(to.name);
    if (from !== to && (isCut || this.#random() < this.#loss)) return;
    const dice = this.#random();
    const delay = from === to ? 1 : dice < 0.9 ? 1 + dice * 20 : dice < 0.98 ? dice * 1_500 : this.#random() * 30_000;
    this.#at(this.#now + delay, arrive);
  }
}
