/** Bounds of the proxy, one table for all. */
export const PROXY_LIMITS = {
  /** TCP connections at one time, all services together. Further ones are reset. */
  connections: 4_096,
  /** Endpoints tried for one connection. */
  attempts: 5,
  /** ms for an endpoint on this machine to take a connection, and for one behind another peer. */
  connectMs: 1_000,
  relayMs: 5_000,
  /** ms until an address that somebody else holds is tried again: at least, and more the more addresses there are, so that thousands cost no more than a few. */
  rebindMs: 100,
  rebindPerFrontMs: 2,
  /** ms until an address that can not be had for another reason is tried again. */
  refusedMs: 10_000,
  /** Clients of one UDP port that are told apart, and ms of silence until one is forgotten. Source of the time: kube-proxy's --udp-timeout. */
  flows: 1_024,
  flowIdleMs: 30_000,
  /** Datagrams of a client that wait for its endpoint's socket. */
  flowWaiting: 16,
  /** ms between two probes of an idle connection. */
  keepAliveMs: 60_000,
} as const;
