/** Bounds of the Events that one node keeps: its own, and those that clients wrote to it. */
export const EVENT_LIMITS = {
  kept: 384,
  keptOfClients: 128,
  /** After its last repeat, in ms. Kubernetes' default. */
  ttlMs: 3_600_000,
  /** Characters of a message; Kubernetes' bound. */
  message: 1_024,
  /** Of a client's Event as JSON. */
  bytesOfClients: 8 * 1_024,
  /** Events of one object from one component: so many at once, then one every `refillMs`. Kubernetes' event spam filter has 25 and five minutes. */
  burst: 25,
  refillMs: 300_000,
  /** Objects whose allowance is remembered. */
  allowances: 1_024,
  /** Characters of an Event's name beside its suffix. */
  namePrefix: 225,
} as const;
