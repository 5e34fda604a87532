/** Bounds of the API's servers. */
export const HTTP_LIMITS = {
  /** Request line and headers together. */
  headerBytes: 32 * 1024,
  urlBytes: 16 * 1024,
  /** Open connections of one server. */
  connections: 1024,
  /** Until the headers have come, and until the whole request has; a response may take for ever. */
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 30_000,
  /** Until a TLS handshake is done. */
  handshakeTimeoutMs: 15_000,
  /** A client that takes nothing for so long is cut off. */
  stalledWriteMs: 60_000,
  /** An upgraded connection may be silent for so long before its other end is asked whether it lives (TCP keep-alive; Node then asks every second, ten times). */
  upgradedKeepAliveMs: 20_000,
  /** From the end of what we send over one until its other end has closed it. */
  upgradedEndMs: 5_000,
  /** On stop: until streams that were told to end have ended. */
  stopMs: 5_000,
} as const;
