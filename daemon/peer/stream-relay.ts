import { decode, encode } from 'cborg';
import { KithError } from '../../protocol/errors.ts';
import type { AttachRequest, ConnectRequest, ContainerRuntime, ExecRequest } from '../ports/runtime.ts';
import type { ByteStream, ProcessStreams, StreamSource } from '../ports/streams.ts';
import type { PeerStream, Transport } from '../ports/transport.ts';
import { serveConnection, serveProcess } from './relay-answering.ts';
import { RemoteConnection, RemoteProcess } from './relay-asking.ts';
import { defined } from './relay-frames.ts';

export interface StreamRelayDeps {
  transport: Transport;
  runtime: ContainerRuntime;
  /** Peer id of the member that runs a node; undefined when there is none. */
  peerOfNode(node: string): string | undefined;
}

/** What the opener of a `streams` stream asks for. */
export type RelayRequest = ({ do: 'exec' } & ExecRequest) | ({ do: 'attach' } & AttachRequest) | ({ do: 'connect' } & ConnectRequest);

/** Programs' and pods' streams anywhere in the cluster: local ones from the runtime, others from the member that has them. It holds nothing: a slow end slows the other. */
export class StreamRelay implements StreamSource {
  readonly #deps: StreamRelayDeps;

  constructor(deps: StreamRelayDeps) {
    this.#deps = deps;
  }

  /** Answers other members from now on. */
  start(): void {
    this.#deps.transport.serveStream('streams', async (_from, header, stream, signal) => this.#serve(header, stream, signal));
  }

  async exec(node: string, request: ExecRequest, signal: AbortSignal): Promise<ProcessStreams> {
    const peer = this.#peer(node);
    if (peer === undefined) return this.#deps.runtime.exec(request, signal);
    return new RemoteProcess(await this.#open(peer, { do: 'exec', ...request }, signal), node).opened();
  }

  async attach(node: string, request: AttachRequest, signal: AbortSignal): Promise<ProcessStreams> {
    const peer = this.#peer(node);
    if (peer === undefined) return this.#deps.runtime.attach(request, signal);
    return new RemoteProcess(await this.#open(peer, { do: 'attach', ...request }, signal), node).opened();
  }

  async connect(node: string, request: ConnectRequest, signal: AbortSignal): Promise<ByteStream> {
    const peer = this.#peer(node);
    if (peer === undefined) return this.#deps.runtime.connect(request, signal);
    return new RemoteConnection(await this.#open(peer, { do: 'connect', ...request }, signal), node).opened();
  }

  /** Undefined: this peer itself. */
  #peer(node: string): string | undefined {
    const peer = this.#deps.peerOfNode(node);
    if (peer === undefined) throw new KithError('PeerUnreachable', `node ${node} is no member of the cluster any more`);
    return peer === this.#deps.transport.self ? undefined : peer;
  }

  #open(peer: string, request: RelayRequest, signal: AbortSignal): Promise<PeerStream> {
    return this.#deps.transport.openStream(peer, 'streams', encode(defined(request)), { signal });
  }

  /** What goes wrong is told in a frame; only the loss of the link ends a stream without. */
  async #serve(header: Uint8Array, stream: PeerStream, signal: AbortSignal): Promise<void> {
    const request = decode(header) as RelayRequest;
    const { runtime } = this.#deps;
    switch (request.do) {
      case 'exec':
        return serveProcess(stream, (ends) => runtime.exec(request, ends), signal);
      case 'attach':
        return serveProcess(stream, (ends) => runtime.attach(request, ends), signal);
      case 'connect':
        return serveConnection(stream, (ends) => runtime.connect(request, ends), signal);
    }
  }
}
