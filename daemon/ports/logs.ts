import type { LogChunk } from './runtime.ts';

/** Container logs from whichever node has them. */
export interface LogSource {
  /**
   * Ends when the log does, or, with `follow`, when the container does or the signal fires.
   * @throws KithError `NotFound` (no such attempt), `PeerUnreachable` (within seconds after the node has gone)
   */
  open(request: NodeLogRequest, signal: AbortSignal): AsyncIterable<LogChunk>;
}

export interface NodeLogRequest {
  node: string;
  podUid: string;
  container: string;
  /** The attempt before the current one. */
  previous: boolean;
  follow: boolean;
  /** Undefined: all. */
  tailLines?: number;
  /** Milliseconds since 1970. */
  sinceMs?: number;
}
