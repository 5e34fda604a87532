/**
 * Liveness datagrams. Sent and received off the main loop (a worker), so that a busy daemon does not look dead and arrival times are true.
 */
export interface Beats {
  start(signal?: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** UDP port bound, after start. */
  port(): number;
  /** Whom we beat to and whose datagrams we accept. */
  setPeers(peers: readonly BeatPeer[]): void;
  /** What our beats carry from now on. */
  setState(state: BeatState): void;
  /** Sends one probe at once, over the datagram path. Its answer comes as an event. */
  probe(peer: string): void;
  onEvent(listener: (event: BeatEvent) => void): () => void;
}

export interface BeatPeer {
  peer: string;
  /** `HOST:PORT`. */
  addresses: string[];
  /** X25519 public key, base64url. */
  beatKey: string;
  /** Whether we send it our beats (we are observed by it). Its datagrams are accepted either way. */
  observer: boolean;
}

export interface BeatState {
  incarnation: number;
  term: number;
  /** Peer id of the leader we follow, or empty. */
  leader: string;
  /** Lag of our main loop, ms. */
  lagMs: number;
  /** Peers we suspect just now: told so that they can refute. At most 8. */
  suspects: { peer: string; incarnation: number }[];
}

/** `at` is monotonic ms of arrival, taken in the worker. */
export type BeatEvent =
  | { type: 'beat'; peer: string; at: number; state: BeatState }
  | { type: 'probe-answer'; peer: string; at: number; roundTripMs: number; incarnation: number }
  /** The peer's kernel answered that nobody listens (ICMP port unreachable). */
  | { type: 'refused'; peer: string; at: number };
