import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LogChunk, LogRequest } from '../../ports/runtime.ts';

const READ_BYTES = 64 * 1024;
/** A line is given in pieces beyond this, so that one endless line takes no endless memory. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** How long after a container's end a log may still be open: something the container left behind holds its pipe. */
const END_GRACE_MS = 2_000;
/** The folder is watched; this is for file systems that tell nothing. */
const POLL_MS = 500;
const NEWLINE = 10;
const SPACE = 32;
const END_RECORD = 'end';

/** One stream's two files (`.log.1` is the older), read in order and followed over a rotation. Lines are `UPTIME text`; `end` closes the log. */
class StreamLog {
  readonly #path: string;
  readonly #stream: LogChunk['stream'];
  readonly #bootTimeMs: number;
  #file: FileHandle | undefined;
  #older: FileHandle | undefined;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);
  #restAt: number | undefined;
  #lastAt = 0;
  readonly queue: LogChunk[] = [];
  finished = false;

  constructor(folder: string, stream: LogChunk['stream'], bootTimeMs: number) {
    this.#path = join(folder, `${stream}.log`);
    this.#stream = stream;
    this.#bootTimeMs = bootTimeMs;
  }

  /** Fills the queue if it is empty and the files have more. */
  async fill(): Promise<void> {
    while (this.queue.length === 0 && !this.finished) {
      const file = this.#older ?? this.#file ?? (await this.#open());
      if (file === undefined) return;
      const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, this.#offset);
      this.#offset += bytesRead;
      if (bytesRead > 0) this.#take(buffer.subarray(0, bytesRead));
      else if (!(await this.#nextFile())) return;
    }
  }

  async close(): Promise<void> {
    await this.#older?.close();
    await this.#file?.close();
    this.#older = this.#file = undefined;
  }

  /** The newer file is opened first: a rotation in between then shows the same file twice, and not a gap. */
  async #open(): Promise<FileHandle | undefined> {
    this.#file = await openIfThere(this.#path);
    this.#older = await openIfThere(`${this.#path}.1`);
    if (this.#older !== undefined && this.#file !== undefined && (await sameFile(this.#older, this.#file))) {
      await this.#older.close();
      this.#older = undefined;
    }
    return this.#older ?? this.#file;
  }

  /** At the end of a file: whether there is another to read on. */
  async #nextFile(): Promise<boolean> {
    if (this.#older !== undefined) {
      await this.#older.close();
      this.#older = undefined;
      this.#offset = 0;
      return this.#file !== undefined;
    }
    const current = await openIfThere(this.#path);
    if (current === undefined || this.#file === undefined) return false;
    if ((await sameFile(current, this.#file)) || (await this.#file.stat()).size > this.#offset) {
      await current.close();
      return (await this.#file.stat()).size > this.#offset;
    }
    await this.#file.close();
    this.#file = current;
    this.#offset = 0;
    return true;
  }

  #take(bytes: Buffer): void {
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      this.#line(Buffer.concat([this.#rest, bytes.subarray(from, end)]));
      this.#rest = Buffer.alloc(0);
      this.#restAt = undefined;
      from = end + 1;
    }
    this.#rest = Buffer.concat([this.#rest, bytes.subarray(from)]);
    if (this.#rest.length < MAX_LINE_BYTES) return;
    this.#restAt = this.#line(this.#rest);
    this.#rest = Buffer.alloc(0);
  }

  #line(record: Buffer): number {
    if (this.#restAt !== undefined) return this.#push(this.#restAt, record);
    if (record.length === END_RECORD.length && record.toString('latin1') === END_RECORD) {
      this.finished = true;
      return this.#lastAt;
    }
    const space = record.indexOf(SPACE);
    if (space < 0) return this.#lastAt;
    const at = this.#bootTimeMs + Number(record.toString('latin1', 0, space)) * 1000;
    return this.#push(at, record.subarray(space + 1));
  }

  /** Stamps are 10 ms fine: lines of one stamp get thousandths of a millisecond, so that time orders them as they were written. */
  #push(at: number, line: Buffer): number {
    this.#lastAt = Math.max(at, this.#lastAt + 0.001);
    this.queue.push({ at: this.#lastAt, stream: this.#stream, line: new Uint8Array(line) });
    return at;
  }
}

export interface LogSource {
  folder: string;
  bootTimeMs: number;
  /** Wall time, ms, of the container's end; 0 when it is gone, undefined while it runs. */
  finishedAt(): Promise<number | undefined>;
}

/** The log of one attempt, both streams merged by time. */
export async function* readLog(
  source: LogSource,
  request: Pick<LogRequest, 'follow' | 'tailLines' | 'sinceMs'>,
  signal: AbortSignal,
): AsyncGenerator<LogChunk, void, void> {
  const streams = (['stdout', 'stderr'] as const).map((stream) => new StreamLog(source.folder, stream, source.bootTimeMs));
  const changes = watchFolder(source.folder);
  try {
    await untilWritten(source, signal);
    yield* lastLines(drain(streams, request.sinceMs ?? 0, signal), request.tailLines);
    while (request.follow && !signal.aborted && !streams.every((stream) => stream.finished)) {
      const finishedAt = await source.finishedAt();
      const lastRound = finishedAt !== undefined && Date.now() - finishedAt >= END_GRACE_MS;
      yield* drain(streams, request.sinceMs ?? 0, signal);
      if (lastRound) return;
      await changes.next(finishedAt === undefined ? POLL_MS : POLL_MS / 10, signal);
    }
  } finally {
    changes.close();
    await Promise.all(streams.map((stream) => stream.close()));
  }
}

/** The end of a container is known a moment before its last lines are written: whoever asks in between must not miss them. */
async function untilWritten(source: LogSource, signal: AbortSignal): Promise<void> {
  const paths = [join(source.folder, 'stdout.log'), join(source.folder, 'stderr.log')];
  while (!signal.aborted) {
    const finishedAt = await source.finishedAt();
    if (finishedAt === undefined || Date.now() - finishedAt >= END_GRACE_MS) return;
    if ((await Promise.all(paths.map(isClosedLog))).every((closed) => closed)) return;
    await delay(POLL_MS / 50, undefined, { signal }).catch(() => undefined);
  }
}

async function isClosedLog(path: string): Promise<boolean> {
  const file = await openIfThere(path);
  if (file === undefined) return false;
  try {
    const { size } = await file.stat();
    const length = Math.min(size, END_RECORD.length + 2);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return /(?:^|\n)end\n$/.test(buffer.toString('latin1'));
  } finally {
    await file.close();
  }
}

/** What is there now, oldest first. */
async function* drain(streams: StreamLog[], sinceMs: number, signal: AbortSignal): AsyncGenerator<LogChunk, void, void> {
  while (!signal.aborted) {
    for (const stream of streams) await stream.fill();
    const ready = streams.filter((stream) => stream.queue.length > 0);
    const first = ready.sort((left, right) => left.queue[0]!.at - right.queue[0]!.at)[0];
    const chunk = first?.queue.shift();
    if (chunk === undefined) return;
    if (chunk.at >= sinceMs) yield chunk;
  }
}

async function* lastLines(chunks: AsyncIterable<LogChunk>, count: number | undefined): AsyncGenerator<LogChunk, void, void> {
  if (count === undefined) {
    yield* chunks;
    return;
  }
  let kept: LogChunk[] = [];
  for await (const chunk of chunks) {
    kept.push(chunk);
    if (kept.length > 2 * count + 1_000) kept = kept.slice(-count);
  }
  if (count > 0) yield* kept.slice(-count);
}

/** Says when something in a folder changed. A change between two calls is not lost. */
function watchFolder(folder: string): { next(timeoutMs: number, signal: AbortSignal): Promise<void>; close(): void } {
  let changed = false;
  let wake: (() => void) | undefined;
  const watcher = watch(folder, () => {
    changed = true;
    wake?.();
  });
  watcher.on('error', () => undefined);
  return {
    async next(timeoutMs, signal) {
      if (!changed && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          const done = (): void => {
            clearTimeout(timer);
            signal.removeEventListener('abort', done);
            wake = undefined;
            resolve();
          };
          wake = done;
          signal.addEventListener('abort', done);
        });
      }
      changed = false;
    },
    close: () => watcher.close(),
  };
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

async function sameFile(left: FileHandle, right: FileHandle): Promise<boolean> {
  const [a, b] = await Promise.all([left.stat(), right.stat()]);
  return a.ino === b.ino && a.dev === b.dev;
}
