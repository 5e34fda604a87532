import { decode, encode } from 'cborg';
import { KithError } from '../../protocol/errors.ts';
import type { LogSource, NodeLogRequest } from '../ports/logs.ts';
import type { ContainerRuntime, LogChunk } from '../ports/runtime.ts';
import type { PeerStream, Transport } from '../ports/transport.ts';
import { linkSignals } from './linked-signal.ts';

/** One log line at most; longer ones are cut by the runtimes at 16 KiB, as Docker does. Bytes. */
const MAX_FRAME_BYTES = 256 * 1024;
const LENGTH_BYTES = 4;

export interface LogRelayDeps {
  transport: Transport;
  runtime: ContainerRuntime;
  /** Peer id of the member that runs a node; undefined when there is none. */
  peerOfNode(node: string): string | undefined;
}

type Frame =
  { line: [at: number, stream: LogChunk['stream'], text: Uint8Array] } | { end: true } | { error: { code: string; message: string } };

/** Logs of any container in the cluster: local ones from the runtime, others from the member that has them. */
export class LogRelay implements LogSource {
  readonly #deps: LogRelayDeps;

  constructor(deps: LogRelayDeps) {
    this.#deps = deps;
  }

  /** Answers other members from now on. */
  start(): void {
    this.#deps.transport.serveStream('logs', async (_from, header, stream, signal) => this.#serve(header, stream, signal));
  }

  open(request: NodeLogRequest, signal: AbortSignal): AsyncIterable<LogChunk> {
    const peer = this.#deps.peerOfNode(request.node);
    if (peer === undefined)
      throw new KithError('PeerUnreachable', `node ${request.node} is no member of the cluster any more, its logs are gone with it`);
    return peer === this.#deps.transport.self ? this.#local(request, signal) : this.#remote(peer, request, signal);
  }

  async *#local(request: Omit<NodeLogRequest, 'node'>, signal: AbortSignal): AsyncGenerator<LogChunk> {
    const { podUid, container, follow, tailLines, sinceMs } = request;
    const attempt = request.previous ? await this.#previousAttempt(podUid, container, signal) : undefined;
    yield* this.#deps.runtime.logs({ podUid, container, attempt, follow, tailLines, sinceMs }, signal);
  }

  async #previousAttempt(podUid: string, container: string, signal: AbortSignal): Promise<number> {
    const pod = (await this.#deps.runtime.list(signal)).find((candidate) => candidate.uid === podUid);
    const attempts = (pod?.containers ?? []).filter((candidate) => candidate.name === container).map((candidate) => candidate.attempt);
    const [, previous] = attempts.sort((left, right) => right - left);
    if (previous === undefined) throw new KithError('NotFound', `previous terminated container "${container}" not found`);
    return previous;
  }

  async *#remote(peer: string, request: NodeLogRequest, signal: AbortSignal): AsyncGenerator<LogChunk> {
    const { node, ...wanted } = request;
    const stop = new AbortController();
    const both = linkSignals(signal, stop.signal);
    let stream: PeerStream | undefined;
    try {
      stream = await this.#deps.transport.openStream(peer, 'logs', encode(defined(wanted)), { signal: both.signal });
      for await (const frame of frames(stream.source)) {
        if ('end' in frame) return;
        if ('error' in frame) throw new KithError(frame.error.code, frame.error.message);
        const [at, source, line] = frame.line;
        yield { at, stream: source, line };
      }
      throw new KithError(
        'PeerUnreachable',
        `the connection to node ${node} was lost in the middle of the log: is it alive? "kith peers" tells`,
      );
    } finally {
      stop.abort(new Error('the reader has enough'));
      stream?.abort(new Error('the reader has enough'));
      both.release();
    }
  }

  async #serve(header: Uint8Array, stream: PeerStream, signal: AbortSignal): Promise<void> {
    try {
      const request = decode(header) as Omit<NodeLogRequest, 'node'>;
      for await (const { at, stream: source, line } of this.#local(request, signal))
        await stream.write(frameOf({ line: [at, source, line] }));
      await stream.write(frameOf({ end: true }));
    } catch (error) {
      if (signal.aborted) return;
      const code = error instanceof KithError ? String(error.code) : 'Internal';
      await stream.write(frameOf({ error: { code, message: (error as Error).message } }));
    }
    await stream.end();
  }
}

/** CBOR has no `undefined` member that every reader takes. */
function defined(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}

function frameOf(frame: Frame): Uint8Array {
  const body = encode(frame);
  const bytes = new Uint8Array(LENGTH_BYTES + body.byteLength);
  new DataView(bytes.buffer).setUint32(0, body.byteLength);
  bytes.set(body, LENGTH_BYTES);
  return bytes;
}

/** @throws KithError `MalformedStream` for a frame that is too long or no frame */
async function* frames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let held: Uint8Array = new Uint8Array(0);
  for await (const chunk of source) {
    const joined = new Uint8Array(held.byteLength + chunk.byteLength);
    joined.set(held);
    joined.set(chunk, held.byteLength);
    let offset = 0;
    while (joined.byteLength - offset >= LENGTH_BYTES) {
      const length = new DataView(joined.buffer, joined.byteOffset + offset).getUint32(0);
      if (length > MAX_FRAME_BYTES)
        throw new KithError('MalformedStream', `a piece of ${length} bytes; at most ${MAX_FRAME_BYTES} are taken`);
      if (joined.byteLength - offset < LENGTH_BYTES + length) break;
      yield readFrame(joined.subarray(offset + LENGTH_BYTES, offset + LENGTH_BYTES + length));
      offset += LENGTH_BYTES + length;
    }
    held = joined.slice(offset);
  }
}

function readFrame(bytes: Uint8Array): Frame {
  try {
    return decode(bytes) as Frame;
  } catch {
    throw new KithError('MalformedStream', 'a piece of the log could not be read: do both hosts run the same release?');
  }
}
