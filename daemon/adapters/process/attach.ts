import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { KithError } from '../../../protocol/errors.ts';
import type { AttachRequest, LogChunk } from '../../ports/runtime.ts';
import type { ByteStream, OutputChunk, ProcessStreams, TerminalSize } from '../../ports/streams.ts';
import { socketStream } from '../socket/socket-stream.ts';
import { CONSOLE_SOCKET, consoleFrame, ConsoleDecoder, FROM_CONSOLE, TO_CONSOLE } from './console-frames.ts';

/** A console listens soon after its container has started. */
const CONSOLE_TRIES = 40;
const CONSOLE_WAIT_MS = 50;

/**
 * The streams of a container's program. One that has a terminal or an open standard input has a console, which passes on bytes; of the others the log is followed from
 * now on, line by line.
 */
export async function attachTo(
  attemptFolder: string,
  hasConsole: boolean,
  request: AttachRequest,
  followLog: () => AsyncIterable<LogChunk>,
  signal: AbortSignal,
): Promise<ProcessStreams> {
  if (!hasConsole) return new LogFollower(followLog());
  const socket = await connectConsole(attemptFolder, signal);
  const cut = (): void => void socket.destroy();
  signal.addEventListener('abort', cut, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', cut));
  // While it connected.
  if (signal.aborted) cut();
  return new ConsoleStreams(socketStream(socket), request.stdin);
}

async function connectConsole(folder: string, signal: AbortSignal): Promise<Socket> {
  let why: unknown;
  for (let left = CONSOLE_TRIES; left > 0; left -= 1) {
    signal.throwIfAborted();
    try {
      return await connectIn(folder);
    } catch (error) {
      why = error;
      await new Promise((resolve) => setTimeout(resolve, CONSOLE_WAIT_MS));
    }
  }
  throw new KithError(
    'NotFound',
    `the container has ended, or its console does not listen yet (${(why as NodeJS.ErrnoException).code ?? String(why)})`,
    {},
    { cause: why },
  );
}

/** Through an open folder: the path itself may be longer than a socket's address holds. */
async function connectIn(folder: string): Promise<Socket> {
  const directory = await open(folder, 'r');
  try {
    return await new Promise((resolve, reject) => {
      const socket = connect({ path: `/proc/self/fd/${directory.fd}/${CONSOLE_SOCKET}`, allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        socket.on('error', () => undefined);
        resolve(socket);
      });
    });
  } finally {
    await directory.close();
  }
}

class ConsoleStreams implements ProcessStreams {
  readonly output: AsyncIterable<OutputChunk>;
  readonly #stream: ByteStream;
  readonly #speaks: boolean;

  constructor(stream: ByteStream, speaks: boolean) {
    this.#stream = stream;
    this.#speaks = speaks;
    this.output = { [Symbol.asyncIterator]: () => this.#read() };
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#speaks) await this.#say(TO_CONSOLE.input, bytes);
  }

  async endInput(): Promise<void> {
    if (this.#speaks) await this.#say(TO_CONSOLE.end, new Uint8Array(0));
  }

  async resize(size: TerminalSize): Promise<void> {
    await this.#say(TO_CONSOLE.size, Buffer.from(JSON.stringify(size)));
  }

  async exitCode(): Promise<number> {
    return 0;
  }

  /** A program that has ended takes no more. */
  async #say(type: number, payload: Uint8Array): Promise<void> {
    await this.#stream.write(consoleFrame(type, payload)).catch(() => undefined);
  }

  async *#read(): AsyncGenerator<OutputChunk> {
    const decoder = new ConsoleDecoder();
    for await (const chunk of this.#stream.source) {
      for (const { type, payload } of decoder.push(chunk))
        yield { stream: type === FROM_CONSOLE.stderr ? 'stderr' : 'stdout', bytes: payload };
    }
    await this.#stream.end().catch(() => undefined);
  }
}

class LogFollower implements ProcessStreams {
  readonly output: AsyncIterable<OutputChunk>;

  constructor(log: AsyncIterable<LogChunk>) {
    this.output = { [Symbol.asyncIterator]: () => lines(log) };
  }

  async write(): Promise<void> {}
  async endInput(): Promise<void> {}
  async resize(): Promise<void> {}

  async exitCode(): Promise<number> {
    return 0;
  }
}

async function* lines(log: AsyncIterable<LogChunk>): AsyncGenerator<OutputChunk> {
  for await (const { stream, line } of log) yield { stream, bytes: Buffer.concat([line, Buffer.from('\n')]) };
}
