import { decode, encode } from 'cborg';
import { KithError } from '../../protocol/errors.ts';
import type { LogSource, NodeLogRequest } from '../ports/logs.ts';
import type { ContainerRuntime, LogChunk } from '../ports/runtime.ts';
import type { PeerStream, Transport } from '../ports/transport.ts';
import { linkSignals } from './linked-signal.ts';
import { defined, failureFrame, frameOf, readFrames, type FailureFrame } from './relay-frames.ts';

export interface LogRelayDeps {
  transport: Transport;
  runtime: ContainerRuntime;
  /** Peer id of the member that runs a node; undefined when there is none. */
  peerOfNode(node: string): string | undefined;
}

type Frame = { line: [at: number, stream: LogChunk['stream'], text: Uint8Array] } | { end: true } | FailureFrame;

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
      for await (const frame of readFrames<Frame>(stream.source)) {
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
      await stream.write(frameOf(failureFrame(error)));
    }
    await stream.end();
  }
}
