/**
 * Liveness as it runs: hears beats, streams and records, lets the detector and the election decide, and does what they say. It decides nothing itself.
 */
import { jsonEqual } from '../../protocol/json.ts';
import { livenessSettings } from '../../protocol/liveness.ts';
import type { LeaderAnnouncement, LivenessSettings, ProbeAnswer, ProbeRequest } from '../../protocol/liveness.ts';
import type { ObservedRecord } from '../../protocol/observed.ts';
import type { MemberSpec } from '../../protocol/types.ts';
import { decodeAnnouncement, encodeAnnouncement } from '../../protocol/wire-liveness.ts';
import type { LeaderView, MemberState } from '../core/cluster/view.ts';
import type { Now } from '../core/decisions.ts';
import { initialElection, leaderView, reduceElection } from '../core/election/election.ts';
import type { ElectionEvent, ElectionState } from '../core/election/election.ts';
import {
  accusations,
  accusedIncarnation,
  candidatesFrom,
  firstHand,
  isAlert,
  memberStates,
  ownObservers,
  reduceDetector,
} from '../core/membership/detector.ts';
import { initialDetector } from '../core/membership/state.ts';
import type { DetectorDecision, DetectorEvent, DetectorState } from '../core/membership/state.ts';
import type { BeatEvent, Beats, BeatState } from '../ports/beats.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { Liveness } from '../ports/liveness.ts';
import type { Log } from '../ports/log.ts';
import type { ObservedState } from '../ports/observed.ts';
import type { Prober } from '../ports/prober.ts';
import type { Transport } from '../ports/transport.ts';
import { LivenessQuestions } from './liveness-questions.ts';

const MAX_SUSPECTS_IN_BEAT = 8;
/** A lag that differs by less is not worth telling: each step wakes the worker, and is news to everybody who hears our beats. */
const LAG_STEP_MS = 100;
/**
 * Among more members than this, what is new of them is told together, a little later: when a wide cluster starts, or loses many at once, each of them is news, and what is
 * told is looked through as a whole.
 */
const WIDE_FROM_MEMBERS = 48;
const TELL_AFTER_MS = 10;
/** Share of a past lag that is still felt at the next tick. */
const LAG_DECAY = 0.8;

export interface LivenessDeps {
  beats: Beats;
  transport: Transport;
  observed: ObservedState & { setIncarnation(incarnation: number): void };
  prober: Prober;
  clock: Clock;
  log: Log;
  /** This peer stood still for so long that others may have taken its place. */
  stalled?(): void;
}

export interface LivenessOptions {
  self: string;
  /** Already persisted, and higher than that of the start before. */
  incarnation: number;
  /** Resolves once a later start will know of it. */
  persistIncarnation(incarnation: number): Promise<void>;
  /** Default: `livenessSettings`. */
  settings?: LivenessSettings;
}

export class PeerLiveness implements Liveness {
  private readonly deps: LivenessDeps;
  private readonly options: LivenessOptions;
  private readonly settings: LivenessSettings;
  private readonly questions: LivenessQuestions;
  private readonly listeners = new Set<() => void>();
  private detector: DetectorState;
  private election: ElectionState;
  private members_: readonly MemberSpec[] = [];
  private startedAt = 0;
  /** What others hear; follows the detector's once that is persisted. */
  private incarnation: number;
  private lagMs = 0;
  private beatState: BeatState | undefined;
  private changed = false;
  /** The detector's grouping that the worker knows. */
  private grouping = -1;
  private cancelTick: CancelTimer | undefined;
  /** While something new is to be told soon. */
  private cancelTelling: CancelTimer | undefined;
  private unsubscribe: (() => void)[] = [];
  private connecting = new Set<string>();
  private running = false;

  constructor(deps: LivenessDeps, options: LivenessOptions) {
    this.deps = deps;
    this.options = options;
    this.settings = options.settings ?? livenessSettings;
    this.incarnation = options.incarnation;
    this.detector = initialDetector(options.self, options.incarnation, this.settings);
    // What is told before the start (that the state is complete) must not count as having listened.
    this.election = initialElection(options.self, this.settings, Infinity);
    this.questions = new LivenessQuestions(deps, this.settings, {
      pingFor: (peer) => this.pingFor(peer),
      firstHand: (peer) => firstHand(this.detector, peer, deps.clock.monotonic()),
      takePing: (peer, ping) => this.takePing(peer, ping),
      takeEvent: (event) => this.detect(event),
      probe: (peer) => this.probeForOther(peer),
    });
  }

  /** Call after `beats.start` and before `transport.start`. */
  start(signal?: AbortSignal): void {
    signal?.throwIfAborted();
    const { beats, transport, observed, clock } = this.deps;
    this.running = true;
    this.startedAt = clock.monotonic();
    this.election = { ...this.election, startedAt: this.startedAt };
    this.unsubscribe = [
      beats.onEvent((event) => this.onBeatEvent(event)),
      transport.onPeer(({ type, peer }) => {
        if (type === 'connected') this.questions.ping(peer);
      }),
      transport.subscribe('election', (from, payload) => this.onAnnouncement(from, payload)),
      observed.onChanged((records) => this.onRecords(records)),
    ];
    this.questions.start();
    for (const peer of transport.connected()) this.questions.ping(peer);
    this.applyMembers();
    this.scheduleTick();
  }

  stop(): void {
    this.running = false;
    this.cancelTick?.();
    this.cancelTelling?.();
    this.questions.stop();
    for (const end of this.unsubscribe.splice(0)) end();
  }

  /** Every member, this peer too. */
  setMembers(members: readonly MemberSpec[]): void {
    this.members_ = members;
    if (this.running) this.applyMembers();
  }

  /** Whether this peer holds the whole desired state, and so may lead. */
  setEligible(eligible: boolean): void {
    this.elect({ type: 'eligible', eligible });
    this.settle();
  }

  /** It grows when this peer refutes its death. */
  get ownIncarnation(): number {
    return this.incarnation;
  }

  members(): readonly MemberState[] {
    return memberStates(this.detector, this.startedAt);
  }

  leader(): LeaderView {
    return leaderView(this.election);
  }

  doubt(peer: string): void {
    this.detect({ type: 'doubted', peer });
  }

  onChanged(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private now(): Now {
    return { wall: this.deps.clock.now(), monotonic: this.deps.clock.monotonic() };
  }

  private applyMembers(): void {
    const members = this.members_.map(({ peerId, nodeName }) => ({ peer: peerId, node: nodeName }));
    this.changed = true;
    this.detect({ type: 'members', members });
    // Records that came before their member: its death, and ours.
    this.onRecords([...this.deps.observed.all()]);
  }

  private scheduleTick(): void {
    const { clock } = this.deps;
    const delayMs = isAlert(this.detector, clock.monotonic()) ? this.settings.alertTickIntervalMs : this.settings.tickIntervalMs;
    const due = clock.monotonic() + delayMs;
    this.cancelTick = clock.after(delayMs, () => {
      const lagMs = Math.max(0, clock.monotonic() - due);
      this.lagMs = Math.max(lagMs, this.lagMs * LAG_DECAY);
      if (lagMs >= this.settings.leaderLostMs) this.deps.stalled?.();
      this.scheduleTick();
      this.detect({ type: 'tick', lagMs: this.lagMs < this.settings.stalledLagMs ? this.lagMs : lagMs });
    });
  }

  /** Everything that happens passes here: the detector first, then the election on what it believes, then what others are to know. */
  private detect(event: DetectorEvent): void {
    if (!this.running) return;
    const step = reduceDetector(this.detector, event, this.now());
    this.detector = step.state;
    for (const decision of step.decisions) this.carryOut(decision);
    if (event.type === 'tick' || (this.changed && this.members_.length < WIDE_FROM_MEMBERS)) this.conclude();
    else if (this.changed) this.cancelTelling ??= this.deps.clock.after(TELL_AFTER_MS, () => this.conclude());
  }

  private conclude(): void {
    const candidates = candidatesFrom(this.detector, this.election.leader);
    this.elect({ type: 'candidates', candidates });
    this.settle();
  }

  private elect(event: ElectionEvent): void {
    const step = reduceElection(this.election, event, this.deps.clock.monotonic());
    this.election = step.state;
    for (const decision of step.decisions) {
      if (decision.do === 'announce') {
        this.announce(decision.announcement);
        continue;
      }
      this.changed = true;
      this.deps.log.info('The leader changed', { leader: decision.leader.peer, term: decision.leader.term, reason: decision.reason });
    }
  }

  /** Tells the worker and the listeners what is new. */
  private settle(): void {
    this.cancelTelling?.();
    this.cancelTelling = undefined;
    this.updateBeat();
    if (!this.changed) return;
    this.changed = false;
    if (this.grouping !== this.detector.grouping) this.updatePeers();
    for (const listener of this.listeners) listener();
  }

  private carryOut(decision: DetectorDecision): void {
    const { beats, transport, observed, log } = this.deps;
    switch (decision.do) {
      case 'probe':
        if (decision.via === 'datagram') beats.probe(decision.peer);
        else if (decision.via === 'stream') this.questions.ping(decision.peer);
        else this.connectTo(decision.peer);
        break;
      case 'ask':
        this.questions.ask(decision.helper, decision.about, decision.probe);
        break;
      case 'accuse':
        this.questions.ping(decision.peer);
        break;
      case 'reconnect':
        transport.reconnect(decision.peer);
        break;
      case 'dial':
        transport.dial(decision.peer);
        break;
      case 'declare':
        log.warn('A peer is dead', {
          peer: decision.record.peerId,
          node: decision.record.node,
          how: decision.record.how,
          reason: decision.reason,
        });
        observed.publish(`death/${decision.record.peerId}`, decision.record);
        break;
      case 'withdraw':
        observed.publish(`death/${decision.peer}`, null);
        break;
      case 'refute':
        void this.refute(decision.incarnation, decision.reason);
        break;
      case 'changed':
        this.changed = true;
        log.info(`A peer is ${decision.state}`, { peer: decision.peer, reason: decision.reason });
        break;
    }
  }

  /** Others may only hear an incarnation that a later start will exceed. */
  private async refute(incarnation: number, reason: string): Promise<void> {
    const { log, observed } = this.deps;
    log.warn('This peer is suspected or declared dead, and refutes it', { incarnation, reason });
    await this.options.persistIncarnation(incarnation).catch((error: unknown) => {
      log.error('The incarnation of this peer could not be saved; it is announced all the same', { incarnation, error });
    });
    if (!this.running || incarnation <= this.incarnation) return;
    this.incarnation = incarnation;
    observed.setIncarnation(incarnation);
    this.updateBeat();
  }

  private connectTo(peer: string): void {
    const member = this.members_.find(({ peerId }) => peerId === peer);
    if (!member || this.connecting.has(peer)) return;
    this.connecting.add(peer);
    void this.deps.prober.connect(member.peerAddresses, this.settings.connectTimeoutMs).then((answer) => {
      this.connecting.delete(peer);
      this.detect({ type: 'kernel', peer, at: this.deps.clock.monotonic(), answer });
    });
  }

  private probeForOther(peer: string): void {
    this.deps.beats.probe(peer);
    this.questions.ping(peer);
    this.connectTo(peer);
  }

  private announce(announcement: LeaderAnnouncement): void {
    this.deps.transport.publish('election', encodeAnnouncement(announcement)).catch((error: unknown) => {
      this.deps.log.debug('The announcement of a leader could not be gossiped; beats carry it', { error });
    });
  }

  private onAnnouncement(from: string, payload: Uint8Array): void {
    try {
      this.elect({ type: 'heard', from, relayed: true, announcement: decodeAnnouncement(payload) });
    } catch (error) {
      this.deps.log.debug('An announcement of a leader was refused', { from, error });
      return;
    }
    if (this.cancelTelling === undefined) this.settle();
  }

  private onBeatEvent(event: BeatEvent): void {
    if (event.type === 'refused') {
      this.detect({ type: 'kernel', peer: event.peer, at: event.at, answer: 'refused' });
      return;
    }
    const incarnation = event.type === 'beat' ? event.state.incarnation : event.incarnation;
    this.detect({ type: 'heard', peer: event.peer, at: event.at, incarnation });
    this.questions.heard(event.peer);
    if (event.type !== 'beat') return;
    const { term, leader, suspects } = event.state;
    for (const { peer, incarnation: accused } of suspects) {
      if (peer === this.options.self) this.detect({ type: 'accused', by: event.peer, incarnation: accused });
    }
    this.hearLeader(event.peer, { term, leader });
  }

  private hearLeader(from: string, announcement: LeaderAnnouncement): void {
    this.elect({ type: 'heard', from, relayed: false, announcement });
    if (this.changed && this.cancelTelling === undefined) this.settle();
  }

  private onRecords(records: readonly ObservedRecord[]): void {
    for (const { owner, incarnation, value } of records) {
      // Most records are of an incarnation that is known.
      const known = this.detector.peers.get(owner)?.incarnation ?? Infinity;
      if (owner === this.options.self || incarnation > known) this.detect({ type: 'incarnation', peer: owner, incarnation });
      if (value?.kind === 'death' && owner !== value.peerId) this.detect({ type: 'death', record: value });
    }
  }

  private pingFor(peer: string): ProbeRequest & ProbeAnswer & { type: 'ping' } {
    const track = this.detector.peers.get(peer);
    const { term, peer: leader } = this.leader();
    return {
      type: 'ping',
      incarnation: this.incarnation,
      knownIncarnation: track?.incarnation ?? 0,
      accused: accusedIncarnation(this.detector, peer) ?? null,
      announcement: { term, leader },
    };
  }

  private takePing(peer: string, ping: ProbeAnswer & { type: 'ping' }): void {
    this.detect({ type: 'heard', peer, at: this.deps.clock.monotonic(), incarnation: ping.incarnation });
    this.questions.heard(peer);
    if (ping.accused !== null) this.detect({ type: 'accused', by: peer, incarnation: ping.accused });
    this.detect({ type: 'known', incarnation: ping.knownIncarnation });
    this.hearLeader(peer, ping.announcement);
  }

  private updateBeat(): void {
    const { term, peer: leader } = this.leader();
    const suspects = accusations(this.detector, this.deps.clock.monotonic(), MAX_SUSPECTS_IN_BEAT);
    const lagMs = Math.round(this.lagMs / LAG_STEP_MS) * LAG_STEP_MS;
    const next: BeatState = { incarnation: this.incarnation, term, leader, lagMs, suspects };
    if (this.beatState && jsonEqual(next, this.beatState)) return;
    this.beatState = next;
    this.deps.beats.setState(next);
  }

  private updatePeers(): void {
    this.grouping = this.detector.grouping;
    const observers = new Set(ownObservers(this.detector));
    const others = this.members_.filter(({ peerId }) => peerId !== this.options.self);
    this.deps.beats.setPeers(
      others.map(({ peerId: peer, beatAddresses: addresses, beatKey }) => ({ peer, addresses, beatKey, observer: observers.has(peer) })),
    );
  }
}
