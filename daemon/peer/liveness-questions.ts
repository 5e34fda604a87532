import type { AboutAnswer, LivenessSettings, ProbeAnswer, ProbeRequest } from '../../protocol/liveness.ts';
import { decodeProbeAnswer, decodeProbeRequest, encodeProbeAnswer, encodeProbeRequest } from '../../protocol/wire-liveness.ts';
import type { DetectorEvent } from '../core/membership/state.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Transport } from '../ports/transport.ts';

type Ping = ProbeRequest & ProbeAnswer & { type: 'ping' };

/** Pings to one peer under way at once: a stalled stream must not keep a new connection from being tried. */
const MAX_PINGS = 2;
const PING_TIMEOUT_MS = 500;
/** Others' questions that wait for a probe's answer; further ones are answered with what is known. */
const MAX_WAITING = 64;

export interface QuestionDeps {
  transport: Transport;
  clock: Clock;
  log: Log;
}
export interface QuestionHost {
  /** What we say of ourselves, and of `peer` to itself. */
  pingFor(peer: string): Ping;
  firstHand(peer: string): AboutAnswer;
  takePing(peer: string, ping: Ping): void;
  takeEvent(event: DetectorEvent): void;
  /** Finds out about `peer` by all means. */
  probe(peer: string): void;
}

/** Request protocol `probe`, both ends: pings over a stream, and what others know of a peer. */
export class LivenessQuestions {
  private readonly deps: QuestionDeps;
  private readonly settings: LivenessSettings;
  private readonly host: QuestionHost;
  private readonly pings = new Map<string, number>();
  private readonly waiting = new Set<{ peer: string; answer: () => void }>();
  private abort = new AbortController();
  private served = false;

  constructor(deps: QuestionDeps, settings: LivenessSettings, host: QuestionHost) {
    this.deps = deps;
    this.settings = settings;
    this.host = host;
  }

  start(): void {
    this.abort = new AbortController();
    if (!this.served) this.deps.transport.serve('probe', (from, payload) => this.answer(from, payload));
    this.served = true;
  }

  stop(): void {
    this.abort.abort();
    for (const { answer } of this.waiting) answer();
  }

  /** Says hello over a stream, and hears what the peer answers. Silence is no event: the detector counts time. */
  ping(peer: string): void {
    const under = this.pings.get(peer) ?? 0;
    if (under >= MAX_PINGS || this.abort.signal.aborted) return;
    this.pings.set(peer, under + 1);
    this.request(peer, this.host.pingFor(peer), PING_TIMEOUT_MS)
      .then((answer) => {
        if (answer.type === 'ping') this.host.takePing(peer, answer);
      })
      .catch((error: unknown) => this.deps.log.debug('A peer did not answer over a stream', { peer, error }))
      .finally(() => {
        const left = (this.pings.get(peer) ?? 1) - 1;
        if (left > 0) this.pings.set(peer, left);
        else this.pings.delete(peer);
      });
  }

  /** Asks `helper` about another peer; its answer or silence comes as an event. */
  ask(helper: string, about: string, probe: boolean): void {
    const timeoutMs = probe ? this.settings.indirectWaitMs + this.settings.opinionTimeoutMs : this.settings.opinionTimeoutMs;
    this.request(helper, { type: 'about', peer: about, probe }, timeoutMs)
      .then((answer) => {
        if (answer.type === 'about') this.host.takeEvent({ type: 'opinion', from: helper, about, answer });
      })
      .catch(() => {
        if (!this.abort.signal.aborted) this.host.takeEvent({ type: 'unanswered', from: helper, about });
      });
  }

  /** A sign of life at first hand: whoever waits for it is answered. */
  heard(peer: string): void {
    for (const waiter of this.waiting) if (waiter.peer === peer) waiter.answer();
  }

  private async request(peer: string, message: ProbeRequest, timeoutMs: number): Promise<ProbeAnswer> {
    const options = { timeoutMs, signal: this.abort.signal };
    return decodeProbeAnswer(await this.deps.transport.request(peer, 'probe', encodeProbeRequest(message), options));
  }

  private async answer(from: string, payload: Uint8Array): Promise<Uint8Array> {
    const request = decodeProbeRequest(payload);
    if (request.type === 'ping') {
      this.host.takePing(from, request);
      return encodeProbeAnswer(this.host.pingFor(from));
    }
    if (request.probe && this.waiting.size < MAX_WAITING) await this.findOut(request.peer);
    return encodeProbeAnswer(this.host.firstHand(request.peer));
  }

  private findOut(peer: string): Promise<void> {
    return new Promise((resolve) => {
      const waiter = {
        peer,
        answer: () => {
          cancel();
          this.waiting.delete(waiter);
          resolve();
        },
      };
      const cancel = this.deps.clock.after(this.settings.indirectWaitMs, waiter.answer);
      this.waiting.add(waiter);
      this.host.probe(peer);
    });
  }
}
