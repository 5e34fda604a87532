import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KithError } from '../../../protocol/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { AttachRequest, ConnectRequest, ExecRequest } from '../../ports/runtime.ts';
import type { ByteStream, OutputChunk, ProcessStreams, TerminalSize } from '../../ports/streams.ts';
import { connectTo } from '../socket/connect.ts';
import { socketStream } from '../socket/socket-stream.ts';
import { change, CHANGE_TIMEOUT_MS, EngineRefusal, READ_TIMEOUT_MS } from './client.ts';
import type { EngineClient } from './client.ts';
import { addressOf, findAttempt, type Listing, type Summary } from './listing.ts';
import { connectInside } from './namespace.ts';
import { outputOf } from './output.ts';

/** How long the engine may take to say how a command ended, after its output has. */
const EXIT_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
/** In the environment of a command and of what it starts: by it they are found again. */
const EXEC_MARKER = 'KITH_EXEC';
/** Given to a command that lost its streams to end by itself, as shells do. */
const END_GRACE_MS = 500;

interface ExecInspection {
  Running: boolean;
  ExitCode: number | null;
}

/** Exec, attach and port-forward by an engine: its hijacked connections carry the bytes at the pace of the slower side. */
export class EngineStreams {
  readonly #client: EngineClient;
  readonly #log: Log;
  readonly #listing: Listing;

  constructor(deps: { client: EngineClient; log: Log; listing: Listing }) {
    this.#client = deps.client;
    this.#log = deps.log;
    this.#listing = deps.listing;
  }

  async exec({ podUid, container, command, tty, stdin }: ExecRequest, signal: AbortSignal): Promise<ProcessStreams> {
    const { Id: containerId } = await this.#running(podUid, container, signal);
    const mark = `${EXEC_MARKER}=${randomUUID()}`;
    const body = { AttachStdin: stdin, AttachStdout: true, AttachStderr: true, Tty: tty, Cmd: command, Env: [mark] };
    const id = await this.#createExec(containerId, body, signal);
    const start = { method: 'POST', path: `/exec/${id}/start`, body: { Detach: false, Tty: tty } } as const;
    const socket = await this.#client.hijack({ ...start, timeoutMs: CHANGE_TIMEOUT_MS, signal });
    cutWith(socket, signal, () => void this.#endExec(id, containerId, mark));
    return new EngineProcess(socket, tty, {
      resize: (size) => this.#resize(`/exec/${id}`, size),
      exitCode: () => this.#exitCode(id),
    });
  }

  /**
   * An engine that is asked to attach to what has ended says nothing and waits for its next start, which never comes. So it is asked after that, too, whether the
   * program runs: a refusal has clients read the log instead.
   */
  async attach({ podUid, container, stdin }: AttachRequest, signal: AbortSignal): Promise<ProcessStreams> {
    const { Id: id } = await this.#running(podUid, container, signal);
    const query = { stream: true, stdin, stdout: true, stderr: true };
    const socket = await this.#client.hijack({
      method: 'POST',
      path: `/containers/${id}/attach`,
      query,
      timeoutMs: CHANGE_TIMEOUT_MS,
      signal,
    });
    cutWith(socket, signal, () => undefined);
    const found = await this.#listing.inspect(id, signal);
    if (found?.State.Running !== true) {
      socket.destroy();
      throw isNotRunning(podUid, container);
    }
    return new EngineProcess(socket, found.Config.Tty, {
      resize: (size) => this.#resize(`/containers/${id}`, size),
      exitCode: async () => 0,
    });
  }

  /** The pod's address is reached from its host. What listens on 127.0.0.1 in the pod alone, from inside its network namespace, where this daemon may enter it. */
  async connect({ podUid, port }: ConnectRequest, known: string | undefined, signal: AbortSignal): Promise<ByteStream> {
    const running = (await this.#listing.summaries(podUid, signal)).filter(({ State }) => State === 'running');
    const [first] = running;
    if (first === undefined) throw new KithError('NotFound', `pod ${podUid} does not run on this node`);
    const addresses = [known ?? '', ...running.map(({ NetworkSettings: settings }) => addressOf(settings))];
    const address = addresses.find((each) => each !== '');
    try {
      return socketStream(await connectTo(address === undefined ? [] : [address], port, signal));
    } catch (error) {
      signal.throwIfAborted();
      const inspected = await this.#listing.inspect(first.Id, signal);
      const inside = await connectInside({ pid: inspected?.State.Pid ?? 0, containerId: first.Id, port }, signal);
      if (inside === undefined) throw error;
      return inside;
    }
  }

  async #running(podUid: string, container: string, signal: AbortSignal): Promise<Summary> {
    const newest = findAttempt(await this.#listing.summaries(podUid, signal), container, undefined);
    if (newest?.State !== 'running') throw isNotRunning(podUid, container);
    return newest;
  }

  /** A program that has ended meanwhile has no size. */
  async #resize(path: string, { columns, rows }: TerminalSize): Promise<void> {
    try {
      await change(this.#client, 'POST', `${path}/resize`, undefined, { h: rows, w: columns });
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
    }
  }

  async #inspectExec(id: string): Promise<ExecInspection> {
    return this.#client.call<ExecInspection>({ method: 'GET', path: `/exec/${id}/json`, timeoutMs: READ_TIMEOUT_MS });
  }

  async #exitCode(id: string): Promise<number> {
    const deadline = performance.now() + EXIT_TIMEOUT_MS;
    for (;;) {
      const { Running: running, ExitCode: code } = await this.#inspectExec(id);
      if (!running && code !== null) return code;
      if (performance.now() > deadline) throw new KithError('EngineFailed', 'the command closed its output and did not end');
      await delay(POLL_MS);
    }
  }

  /** The engine lets a command run on whose client is gone. What does not end by itself is killed from inside the container, wherever the engine is. */
  async #endExec(id: string, containerId: string, mark: string): Promise<void> {
    try {
      await delay(END_GRACE_MS);
      if (!(await this.#inspectExec(id)).Running) return;
      const killer = await this.#createExec(containerId, { Cmd: ['sh', '-c', killScript(mark)] });
      const start = { method: 'POST', path: `/exec/${killer}/start`, body: { Detach: true } } as const;
      await this.#client.call({ ...start, timeoutMs: CHANGE_TIMEOUT_MS });
      const code = await this.#exitCode(killer);
      if (code !== 0)
        this.#log.warn('A command runs on in a container although its client is gone: the container has no shell to end it', {
          containerId,
        });
    } catch (error) {
      this.#log.debug('A command whose client is gone could not be ended', { containerId, error });
    }
  }

  async #createExec(containerId: string, body: object, signal?: AbortSignal): Promise<string> {
    const call = { method: 'POST', path: `/containers/${containerId}/exec`, body } as const;
    return (await this.#client.call<{ Id: string }>({ ...call, timeoutMs: CHANGE_TIMEOUT_MS, signal })).Id;
  }
}

function isNotRunning(podUid: string, container: string): KithError {
  return new KithError('NotFound', `container "${container}" of pod ${podUid} does not run on this node`);
}

/** Kills what carries the mark in its environment, with nothing but a shell and cat. */
function killScript(mark: string): string {
  return `for each in /proc/[0-9]*; do case "$(cat "$each/environ" 2>/dev/null)" in *${mark}*) kill -9 "\${each#/proc/}";; esac; done; true`;
}

class EngineProcess implements ProcessStreams {
  readonly output: AsyncIterable<OutputChunk>;
  readonly #stream: ByteStream;
  readonly #control: Pick<ProcessStreams, 'resize' | 'exitCode'>;

  constructor(socket: Duplex, tty: boolean, control: Pick<ProcessStreams, 'resize' | 'exitCode'>) {
    this.#stream = socketStream(socket);
    this.#control = control;
    this.output = outputOf(this.#stream.source, tty);
  }

  /** A program that has ended takes no more. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#stream.write(bytes).catch(() => undefined);
  }

  endInput(): Promise<void> {
    return this.#stream.end();
  }

  resize(size: TerminalSize): Promise<void> {
    return this.#control.resize(size);
  }

  exitCode(): Promise<number> {
    return this.#control.exitCode();
  }
}

function cutWith(socket: Duplex, signal: AbortSignal, alsoThen: () => void): void {
  const cut = (): void => {
    socket.destroy();
    alsoThen();
  };
  signal.addEventListener('abort', cut, { once: true });
  socket.on('error', () => undefined);
  socket.once('close', () => signal.removeEventListener('abort', cut));
  if (signal.aborted) cut();
}
