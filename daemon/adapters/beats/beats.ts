import type { KeyObject } from 'node:crypto';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { KithError } from '../../../protocol/errors.ts';
import type { BeatEvent, BeatPeer, Beats, BeatState } from '../../ports/beats.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { rawPrivateKey } from './keys.ts';
import type { FromBeatWorker, ToBeatWorker } from './messages.ts';
import { createBeatSocket, DEFAULT_BEAT_INTERVAL_MS } from './socket.ts';
import type { BeatSocketOptions } from './socket.ts';

/** The worker holds keys and counters of the members, no more. */
const WORKER_LIMITS = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 };
/** A worker that ended by itself is started anew after this long. */
const RESTART_MS = 500;
/** A worker that does not stop by then is ended. */
const STOP_MS = 1_000;

export interface UdpBeatsDeps {
  clock: Clock;
  log: Log;
}

export interface UdpBeatsOptions {
  self: string;
  /** X25519. */
  privateKey: Uint8Array | KeyObject;
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** The bundled `worker.ts`. Undefined runs the socket on this thread, for tests. */
  workerUrl: URL | undefined;
  /** Default: `livenessSettings.beatIntervalMs`. */
  beatIntervalMs?: number;
}

/** The socket of beats, wherever it runs. */
interface Carrier {
  tell(message: ToBeatWorker): void;
  stop(): Promise<void>;
}

/** Beats over UDP, in a worker thread. */
export class UdpBeats implements Beats {
  private readonly deps: UdpBeatsDeps;
  private readonly options: UdpBeatsOptions;
  private readonly listeners = new Set<(event: BeatEvent) => void>();
  private carrier: Carrier | undefined;
  private boundPort = 0;
  private peers: readonly BeatPeer[] = [];
  private state: BeatState | undefined;
  private stopped = false;
  private cancelRestart: (() => void) | undefined;

  constructor(deps: UdpBeatsDeps, options: UdpBeatsOptions) {
    this.deps = deps;
    this.options = options;
  }

  /** @throws KithError `PortInUse` | `ListenFailed` */
  async start(): Promise<void> {
    this.stopped = false;
    await this.open(this.options.port);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelRestart?.();
    const carrier = this.carrier;
    this.carrier = undefined;
    await carrier?.stop();
  }

  port(): number {
    return this.boundPort;
  }

  setPeers(peers: readonly BeatPeer[]): void {
    this.peers = peers;
    this.carrier?.tell({ type: 'peers', peers });
  }

  setState(state: BeatState): void {
    this.state = state;
    this.carrier?.tell({ type: 'state', state });
  }

  probe(peer: string): void {
    this.carrier?.tell({ type: 'probe', peer });
  }

  onEvent(listener: (event: BeatEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private async open(port: number): Promise<void> {
    const { self, privateKey, host, beatIntervalMs = DEFAULT_BEAT_INTERVAL_MS, workerUrl } = this.options;
    const socketOptions: BeatSocketOptions = { self, privateKey: rawPrivateKey(privateKey), host, port, beatIntervalMs };
    this.boundPort = await (workerUrl ? this.openWorker(workerUrl, socketOptions) : this.openHere(socketOptions));
    this.carrier?.tell({ type: 'peers', peers: this.peers });
    if (this.state) this.carrier?.tell({ type: 'state', state: this.state });
  }

  private async openHere(options: BeatSocketOptions): Promise<number> {
    const socket = createBeatSocket({ now: hrMilliseconds, emit: (events) => this.receive(events) }, options);
    const port = await socket.start().catch((error: NodeJS.ErrnoException) => {
      throw listenError(options, error.code ?? 'EIO', error.message);
    });
    this.carrier = {
      tell(message) {
        if (message.type === 'peers') socket.setPeers(message.peers);
        if (message.type === 'state') socket.setState(message.state);
        if (message.type === 'probe') socket.probe(message.peer);
      },
      stop: () => socket.stop(),
    };
    return port;
  }

  private openWorker(url: URL, options: BeatSocketOptions): Promise<number> {
    const worker = new Worker(url, { workerData: options, resourceLimits: WORKER_LIMITS, execArgv: [] });
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const tell = (message: ToBeatWorker): void => worker.postMessage(message);
    const started = new Promise<number>((resolve, reject) => {
      worker.on('message', (message: FromBeatWorker) => {
        if (message.type === 'events') this.receive(message.events);
        if (message.type === 'started') resolve(message.port);
        if (message.type === 'failed') reject(listenError(options, message.code, message.message));
      });
      worker.once('error', (cause) =>
        reject(new KithError('ListenFailed', 'the thread that sends beats could not be started', {}, { cause })),
      );
      worker.once('exit', () => reject(new KithError('ListenFailed', 'the thread that sends beats ended while it started')));
    });
    const carrier: Carrier = {
      tell,
      stop: async () => {
        tell({ type: 'stop' });
        const cancel = this.deps.clock.after(STOP_MS, () => void worker.terminate());
        await ended;
        cancel();
      },
    };
    return started.then(
      (port) => {
        this.carrier = carrier;
        worker.on('error', (error) => this.deps.log.error('The thread that sends beats failed', { error }));
        void ended.then(() => this.reopen(carrier));
        return port;
      },
      async (error: unknown) => {
        await worker.terminate();
        throw error;
      },
    );
  }

  /** Peers must not take a daemon for dead whose worker alone failed. */
  private reopen(carrier: Carrier): void {
    if (this.stopped || this.carrier !== carrier) return;
    this.carrier = undefined;
    this.deps.log.warn('The thread that sends beats ended; it is started again', { afterMs: RESTART_MS });
    this.scheduleReopen();
  }

  private scheduleReopen(): void {
    this.cancelRestart = this.deps.clock.after(RESTART_MS, () => {
      if (this.stopped) return;
      this.open(this.boundPort).catch((error: unknown) => {
        this.deps.log.error('The thread that sends beats does not start; other peers see this one over streams only', { error });
        this.scheduleReopen();
      });
    });
  }

  /** The socket's times become the daemon's clock's. */
  private receive(events: BeatEvent[]): void {
    const offset = this.deps.clock.monotonic() - hrMilliseconds();
    for (const event of events) for (const listener of this.listeners) listener({ ...event, at: event.at + offset });
  }
}

function hrMilliseconds(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function listenError(options: BeatSocketOptions, code: string, message: string): KithError {
  const where = `${options.host}:${options.port} (UDP)`;
  if (code === 'EADDRINUSE')
    return new KithError('PortInUse', `${where} is taken by another program; choose another with --listen`, { code });
  return new KithError('ListenFailed', `cannot listen on ${where}: ${message}; check --listen`, { code });
}
