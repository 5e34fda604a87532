import type { BeatEvent, BeatPeer, Beats, BeatState } from '../../daemon/ports/beats.ts';
import type { CancelTimer, Clock } from '../../daemon/ports/clock.ts';
import { livenessSettings } from '../../protocol/liveness.ts';
import type { Carriage } from './memory-transport.ts';
import { HostClock } from './virtual-clock.ts';

/** A beat that accuses nobody, as it travels. Source: `daemon/adapters/beats/datagram.ts`. */
const DATAGRAM_BYTES = 160;

/** Carries a datagram, or loses it. `MemoryNetwork` is one. */
export interface DatagramCarrier {
  carry(from: string, to: string, arrive: () => void, carriage: Carriage): void;
}

/** Where the sockets of a test find each other. */
export class MemoryBeatNetwork {
  readonly carrier: DatagramCarrier;
  readonly sockets = new Map<string, MemoryBeats>();
  /** Datagrams sent, by sender. */
  readonly sent = new Map<string, number>();

  constructor(carrier: DatagramCarrier) {
    this.carrier = carrier;
  }

  send(from: string, to: string, arrive: (socket: MemoryBeats) => void): void {
    this.sent.set(from, (this.sent.get(from) ?? 0) + 1);
    this.carrier.carry(
      from,
      to,
      () => {
        const socket = this.sockets.get(to);
        if (socket) arrive(socket);
      },
      { reliable: false, what: 'beats', bytes: DATAGRAM_BYTES },
    );
  }
}

/** {@link Beats} in memory. `worker` is the clock of the worker thread, which runs on while the main loop is stalled. */
export class MemoryBeats implements Beats {
  private readonly network: MemoryBeatNetwork;
  private readonly self: string;
  private readonly clocks: { worker: Clock; main: Clock };
  private readonly listeners = new Set<(event: BeatEvent) => void>();
  private known: ReadonlySet<string> = new Set();
  private observers: readonly string[] = [];
  private state: BeatState = { incarnation: 0, term: 0, leader: '', lagMs: 0, suspects: [] };
  private cancelBeat: CancelTimer | undefined;

  constructor(deps: { network: MemoryBeatNetwork; worker: Clock; main: Clock }, options: { self: string }) {
    this.network = deps.network;
    this.clocks = deps;
    this.self = options.self;
  }

  async start(): Promise<void> {
    this.network.sockets.set(this.self, this);
    this.schedule();
  }

  async stop(): Promise<void> {
    this.cancelBeat?.();
    if (this.network.sockets.get(this.self) === this) this.network.sockets.delete(this.self);
  }

  port(): number {
    return 0;
  }

  setPeers(peers: readonly BeatPeer[]): void {
    this.known = new Set(peers.map(({ peer }) => peer));
    this.observers = peers.filter(({ observer }) => observer).map(({ peer }) => peer);
  }

  setState(state: BeatState): void {
    const urgent = state.incarnation !== this.state.incarnation || state.term !== this.state.term || state.leader !== this.state.leader;
    const accuses = state.suspects.some(({ peer }) => !this.state.suspects.some((known) => known.peer === peer));
    this.state = state;
    if (urgent || accuses) this.beat();
  }

  probe(peer: string): void {
    const sentAt = this.clocks.worker.monotonic();
    this.network.send(this.self, peer, (socket) =>
      onThread(socket.clocks.worker, () =>
        socket.network.send(peer, this.self, (here) => here.answered(peer, sentAt, socket.state.incarnation)),
      ),
    );
  }

  onEvent(listener: (event: BeatEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private schedule(): void {
    this.cancelBeat = this.clocks.worker.after(livenessSettings.beatIntervalMs, () => {
      this.beat();
      this.schedule();
    });
  }

  private beat(): void {
    const { state } = this;
    const arrive = (socket: MemoryBeats): void => socket.arrived(this.self, state);
    for (const peer of this.observers) this.network.send(this.self, peer, arrive);
  }

  private arrived(from: string, state: BeatState): void {
    onThread(this.clocks.worker, () => this.tell({ type: 'beat', peer: from, at: this.clocks.worker.monotonic(), state }));
  }

  private answered(from: string, sentAt: number, incarnation: number): void {
    onThread(this.clocks.worker, () => {
      const at = this.clocks.worker.monotonic();
      this.tell({ type: 'probe-answer', peer: from, at, roundTripMs: at - sentAt, incarnation });
    });
  }

  private tell(event: BeatEvent): void {
    if (!this.known.has(event.peer)) return;
    onThread(this.clocks.main, () => {
      for (const listener of this.listeners) listener(event);
    });
  }
}

/** When that thread comes to it: at once, unless it stands still. */
function onThread(clock: Clock, action: () => void): void {
  if (clock instanceof HostClock) clock.run(action);
  else clock.after(0, action);
}
