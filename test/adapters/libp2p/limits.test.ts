import { expect, it } from 'vitest';
import * as limits from '../../../daemon/adapters/libp2p/limits.ts';

it('keeps the bounds of the peer network in their relations', () => {
  expect(limits.MAX_STREAM_WINDOW_BYTES).toBeLessThan(limits.STREAM_READ_BUFFER_BYTES);
  expect(limits.MAX_GOSSIP_BYTES * 8).toBeLessThanOrEqual(limits.MAX_GOSSIP_FRAME_BYTES);
  expect(limits.MAX_GOSSIP_BYTES).toBeLessThan(limits.MAX_REQUEST_BYTES);
  expect(limits.MAX_GOSSIP_BYTES).toBeLessThan(limits.MAX_GOSSIP_BACKLOG_BYTES);
  expect(limits.MAX_REQUESTS_UNDER_WAY * 2).toBeLessThanOrEqual(limits.MAX_INBOUND_STREAMS);
  expect(limits.ADDRESS_DIAL_TIMEOUT_MS).toBeLessThan(limits.DIAL_TIMEOUT_MS);
  expect(limits.DIAL_TIMEOUT_MS).toBeLessThan(limits.REDIAL_LONGEST_MS);
  expect(limits.LINK_TIMEOUT_MS).toBeLessThan(limits.LINK_CHECK_MS);
  expect(limits.REDIAL_FIRST_MS).toBeLessThan(limits.YIELD_MS);
  expect(limits.STOP_GRACE_MS).toBeLessThan(2_000);
});
