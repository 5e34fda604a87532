import type { ByteStream } from './streams.ts';

/**
 * Messages between members. Authenticated and encrypted hop by hop; only members get through. Adapters: libp2p in the daemon, in-memory in tests.
 * Peers are named by their peer id (text).
 */
export interface Transport {
  readonly self: string;
  start(signal?: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** Multiaddrs this peer can be reached at. */
  addresses(): string[];
  /** Who may connect, and where they were last seen. Members not in the list are disconnected; those in it are dialled for ever. */
  setMembers(members: readonly TransportMember[]): void;
  /**
   * What a peer that is a member no more is told when it comes, as a `push`; undefined for those to whom there is nothing to say. Then its connection ends; nothing is
   * taken from it.
   */
  turnAway(notice: (peer: string) => Uint8Array | undefined): void;
  connected(): string[];
  onPeer(listener: (event: { type: 'connected' | 'disconnected'; peer: string }) => void): () => void;

  /** Best-effort message to all; may be lost, repeated or late. */
  publish(topic: Topic, payload: Uint8Array): Promise<void>;
  subscribe(topic: Topic, listener: (from: string, payload: Uint8Array) => void): () => void;

  /**
   * One question, one answer.
   * @throws KithError `PeerUnreachable` | `RequestTimeout` | `RequestRefused` (the handler threw; message carried over)
   */
  request(
    peer: string,
    protocol: RequestProtocol,
    payload: Uint8Array,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<Uint8Array>;
  serve(protocol: RequestProtocol, handler: (from: string, payload: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>): void;

  /** A byte stream with back-pressure, for relays (logs, and programs' streams). The opener sends `header` first. */
  openStream(peer: string, protocol: StreamProtocol, header: Uint8Array, options: { signal: AbortSignal }): Promise<PeerStream>;
  serveStream(
    protocol: StreamProtocol,
    handler: (from: string, header: Uint8Array, stream: PeerStream, signal: AbortSignal) => Promise<void>,
  ): void;

  /** Last measured round trip to a peer in ms, if any. */
  roundTripMs(peer: string): number | undefined;
  /** Dials a member that is not connected at once, however often that failed before. */
  dial(peer: string): void;
  /** Drops every connection to the peer and dials anew: for a peer under suspicion, whose old sockets may be dead. */
  reconnect(peer: string): void;
}

export interface TransportMember {
  peer: string;
  addresses: string[];
}
/** `changes`: ChangeEnvelope. `observed`: a list of ObservedRecord. `election`: leader announcements. */
export type Topic = 'changes' | 'observed' | 'election';
/** `sync`: anti-entropy. `push`: envelope to be acknowledged after fsync. `probe`: liveness over a stream, direct and for others. `observed`: pull of observed state. `leases`: votes of what runs at most once, and who votes. `rotation`: whether a peer still sends traffic of Services to pods. `doctor`: what a peer finds wrong with itself. */
export type RequestProtocol = 'sync' | 'push' | 'probe' | 'observed' | 'leases' | 'rotation' | 'doctor';
export type StreamProtocol = 'logs' | 'streams';

export type PeerStream = ByteStream;
