import { expect, it } from 'vitest';
import { STREAMING_LIMITS as limits } from '../../../daemon/api/streaming/limits.ts';

it('relates the bounds of streaming connections', () => {
  // One slow stream stops its connection before the queues of all do.
  expect(limits.streamQueueBytes).toBeLessThan(limits.connectionQueueBytes);
  // A client that fills a window is not stopped by one stream's queue.
  expect(limits.spdyWindowBytes).toBeLessThan(limits.streamQueueBytes);
  expect(limits.spdyDataBytes).toBeLessThanOrEqual(limits.spdyWindowBytes);
  expect(2 * limits.forwardedConnections).toBeLessThanOrEqual(limits.spdyStreams);
  // All streams of a connection may keep their headers.
  expect(limits.spdyStreams * limits.spdyHeaderBytes).toBeLessThanOrEqual(2 * limits.connectionQueueBytes);
  expect(limits.controlMessageBytes).toBeLessThan(limits.spdyControlBytes);
});
