/** Bounds of streaming connections: exec, attach and port-forward. `test/api/streaming/limits.test.ts` asserts how they relate. */
const KIB = 1024;

export const STREAMING_LIMITS = {
  /** Streams of one SPDY connection that are open at once: two a forwarded connection. */
  spdyStreams: 512,
  /** One SPDY control frame, and the headers of one stream when unpacked. */
  spdyControlBytes: 32 * KIB,
  spdyHeaderBytes: 4 * KIB,
  /** Bytes of one stream, and of all of a connection, that its reader has not taken yet; beyond it the connection is not read any more. */
  streamQueueBytes: 256 * KIB,
  connectionQueueBytes: 1024 * KIB,
  /** One DATA frame that we send. */
  spdyDataBytes: 32 * KIB,
  /** Every client starts with this window (SPDY/3.1, 2.6.8). */
  spdyWindowBytes: 64 * KIB,
  /** What a client says at once besides bytes, such as the size of its window. */
  controlMessageBytes: 1 * KIB,
  /** The longest command line. */
  commandWords: 4_096,
  /** Ports of one request. */
  forwardedPorts: 64,
  /** Connections of one client that are being forwarded at once. */
  forwardedConnections: 256,
  /** From the upgrade until the client has opened all of its streams, ms. Upstream's, as the next. */
  streamCreationMs: 30_000,
  /** A silent connection is asked so often whether it lives, ms. */
  pingMs: 30_000,
} as const;
