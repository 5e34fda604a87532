/** Bounds of the name server, one table for all. */
export const DNS_LIMITS = {
  /** Questions that wait for an answer from elsewhere; further ones are refused. */
  forwarded: 256,
  /** ms for one server elsewhere to answer; then the next is asked. */
  upstreamMs: 2_000,
  upstreams: 3,
  /** Of the cluster's own aliases that lead to one another. */
  aliases: 8,
  /** Answers from elsewhere that are kept, and seconds at most. */
  cached: 1_000,
  cachedSeconds: 30,
  connections: 64,
  /** ms of silence until a connection is ended. */
  idleMs: 10_000,
  /** ms until an address that is in use is tried again. */
  rebindMs: 1_000,
  /** ms until one that this host has not (yet) is tried again: the bridge of pods comes with the first of them. */
  absentMs: 250,
  /** Earlier addresses of the bridge at which pods that still run ask. */
  earlierBridges: 2,
} as const;
