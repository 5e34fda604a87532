import type { ByteStream } from '../../protocol/streaming/byte-stream.ts';
import type { AttachRequest, ConnectRequest, ExecRequest } from './runtime.ts';

export type { ByteStream };

export interface TerminalSize {
  columns: number;
  rows: number;
}

export interface OutputChunk {
  /** With a terminal all is `stdout`. */
  stream: 'stdout' | 'stderr';
  bytes: Uint8Array;
}

/** A program and its streams. Lives until the program ends or the signal fires that it was opened with. */
export interface ProcessStreams {
  /** What it says, until it has ended and all was read. One reader, at whose pace the program writes. */
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when it can take more. What a program does not read any more is dropped. */
  write(bytes: Uint8Array): Promise<void>;
  endInput(): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  /** Once the output has ended. 0 for a container that was attached to: its status tells the real one. */
  exitCode(): Promise<number>;
}

/** Programs' and pods' streams, on whichever node they are. */
export interface StreamSource {
  /** @throws KithError what {@link ContainerRuntime.exec} says, and `PeerUnreachable` (within seconds after the node has gone) */
  exec(node: string, request: ExecRequest, signal: AbortSignal): Promise<ProcessStreams>;
  attach(node: string, request: AttachRequest, signal: AbortSignal): Promise<ProcessStreams>;
  connect(node: string, request: ConnectRequest, signal: AbortSignal): Promise<ByteStream>;
}
