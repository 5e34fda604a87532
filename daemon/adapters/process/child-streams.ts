import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { KithError } from '../../../protocol/errors.ts';
import { merge } from '../../../protocol/streaming/merge.ts';
import type { OutputChunk, ProcessStreams, TerminalSize } from '../../ports/streams.ts';
import type { Terminal } from './terminal.ts';

/** What a program has started may keep its output open after it has ended; it is listened to until nothing has come for so long. */
const LINGER_MS = 500;

/** A child process of ours as {@link ProcessStreams}. */
export class ChildStreams implements ProcessStreams {
  readonly output: AsyncIterable<OutputChunk>;
  readonly #child: ChildProcess;
  readonly #terminal: Terminal | undefined;
  readonly #spawned: Promise<void>;
  readonly #exit: Promise<number>;
  #exited = false;
  #onExit: () => void = () => undefined;

  constructor(child: ChildProcess, terminal?: Terminal) {
    this.#child = child;
    this.#terminal = terminal;
    this.#spawned = new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    this.#exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#exited = true;
        this.#onExit();
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
      });
    });
    // A program that ends does not read the rest.
    child.stdin?.on('error', () => undefined);
    this.output = { [Symbol.asyncIterator]: () => this.#read() };
  }

  /** @throws KithError `ContainerStartFailed` */
  async spawned(): Promise<void> {
    try {
      await this.#spawned;
    } catch (error) {
      throw new KithError('ContainerStartFailed', `cannot run a command: ${(error as Error).message}`, {}, { cause: error });
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { stdin } = this.#child;
    if (stdin === null || stdin.destroyed || stdin.writableEnded || stdin.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stdin.off('drain', done);
        stdin.off('close', done);
        resolve();
      };
      stdin.on('drain', done);
      stdin.on('close', done);
    });
  }

  async endInput(): Promise<void> {
    this.#child.stdin?.end();
  }

  async resize(size: TerminalSize): Promise<void> {
    await this.#terminal?.resize(size);
  }

  exitCode(): Promise<number> {
    return this.#exit;
  }

  async *#read(): AsyncGenerator<OutputChunk> {
    const chunks = merge(named(this.#child.stdout, 'stdout'), named(this.#child.stderr, 'stderr'));
    for (;;) {
      const next = await this.#nextOf(chunks);
      if (next?.done !== false) return;
      yield next.value;
    }
  }

  /** Undefined when the program has ended and nothing more comes. */
  async #nextOf(chunks: AsyncIterator<OutputChunk>): Promise<IteratorResult<OutputChunk> | undefined> {
    const silence = Promise.withResolvers<undefined>();
    let timer: NodeJS.Timeout | undefined;
    this.#onExit = () => (timer = setTimeout(() => silence.resolve(undefined), LINGER_MS));
    if (this.#exited) this.#onExit();
    try {
      return await Promise.race([chunks.next(), silence.promise]);
    } finally {
      clearTimeout(timer);
      this.#onExit = () => undefined;
    }
  }
}

async function* named(readable: Readable | null, stream: OutputChunk['stream']): AsyncGenerator<OutputChunk> {
  if (readable === null) return;
  for await (const bytes of readable as AsyncIterable<Buffer>) yield { stream, bytes };
}
