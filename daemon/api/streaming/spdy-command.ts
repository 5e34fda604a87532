import { KithError } from '../../../protocol/errors.ts';
import { merge } from '../../../protocol/streaming/merge.ts';
import { sleep, type Clock } from '../../ports/clock.ts';
import type { OutputChunk } from '../../ports/streams.ts';
import { readSize, type ClientEvent, type CommandClient, type CommandOptions, type CommandStatus } from './command-client.ts';
import { STREAMING_LIMITS } from './limits.ts';
import type { SpdyConnection } from './spdy-connection.ts';
import type { SpdyStream } from './spdy-stream.ts';

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

/** Exec and attach in the streams of a SPDY connection: each has a header that says which it is. */
export class SpdyCommand implements CommandClient {
  readonly events: AsyncIterable<ClientEvent>;
  readonly #connection: SpdyConnection;
  readonly #streams: ReadonlyMap<StreamType, SpdyStream>;

  constructor(connection: SpdyConnection, streams: ReadonlyMap<StreamType, SpdyStream>, gone: Promise<void>) {
    this.#connection = connection;
    this.#streams = streams;
    this.events = merge(input(streams.get('stdin')), sizes(streams.get('resize')), breaksWith(gone));
  }

  async write({ stream, bytes }: OutputChunk): Promise<void> {
    await this.#streams.get(stream)?.write(bytes);
  }

  async finish(status: CommandStatus): Promise<void> {
    await this.#streams.get('error')?.write(Buffer.from(JSON.stringify(status)));
    for (const stream of this.#streams.values()) await stream.end();
    await this.#connection.goAway();
  }

  ping(): Promise<void> {
    return this.#connection.ping();
  }
}

async function* input(stdin: SpdyStream | undefined): AsyncGenerator<ClientEvent> {
  if (stdin === undefined) return;
  for await (const bytes of stdin.source) yield { type: 'input', bytes };
  yield { type: 'inputEnd' };
}

async function* breaksWith(connection: Promise<void>): AsyncGenerator<ClientEvent> {
  await connection;
  throw new KithError('StreamClosed', 'the client has ended the connection');
}

async function* sizes(resize: SpdyStream | undefined): AsyncGenerator<ClientEvent> {
  if (resize === undefined) return;
  // JSON objects one after the other, however the connection has cut them. Of several the last one counts.
  let text = '';
  for await (const bytes of resize.source) {
    text += Buffer.from(bytes).toString('latin1');
    const end = text.lastIndexOf('}') + 1;
    const object = text.slice(Math.max(0, text.lastIndexOf('{', end)), end);
    text = text.slice(end).slice(-STREAMING_LIMITS.controlMessageBytes);
    const size = object.length > STREAMING_LIMITS.controlMessageBytes ? undefined : readSize(Buffer.from(object));
    if (size !== undefined) yield { type: 'resize', size };
  }
}

/** Gathers the streams that a client opens until all are there. */
export class CommandStreams {
  readonly #wanted: Set<StreamType>;
  readonly #streams = new Map<StreamType, SpdyStream>();
  readonly #complete = Promise.withResolvers<ReadonlyMap<StreamType, SpdyStream>>();

  constructor({ stdin, stdout, stderr, tty }: CommandOptions) {
    this.#wanted = new Set<StreamType>(['error']);
    if (stdin) this.#wanted.add('stdin');
    if (stdout) this.#wanted.add('stdout');
    if (stderr && !tty) this.#wanted.add('stderr');
    if (tty) this.#wanted.add('resize');
  }

  take(stream: SpdyStream): void {
    const type = stream.headers.get('streamtype') as StreamType;
    if (!this.#wanted.has(type) || this.#streams.has(type)) return stream.abort(new Error(`a stream of the type ${type} is not wanted`));
    this.#streams.set(type, stream);
    if (this.#streams.size === this.#wanted.size) this.#complete.resolve(this.#streams);
  }

  /** @throws KithError `RequestTimeout` when they do not come */
  async all(clock: Clock, signal: AbortSignal): Promise<ReadonlyMap<StreamType, SpdyStream>> {
    const late = sleep(clock, STREAMING_LIMITS.streamCreationMs, signal).then(() => {
      throw new KithError('RequestTimeout', `the client has not opened its streams: ${[...this.#wanted].join(', ')}`);
    });
    return Promise.race([this.#complete.promise, late]);
  }
}
