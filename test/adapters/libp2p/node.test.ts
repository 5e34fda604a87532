import type { MessageStream } from '@libp2p/interface';
import { expect, it, vi } from 'vitest';
import { sendingNeverThrows } from '../../../daemon/adapters/libp2p/node.ts';

it('drops what is sent on a closed connection, and aborts it, instead of throwing where nobody catches', async () => {
  const abort = vi.fn();
  const closed = {
    send: () => {
      throw new Error('Cannot write to a stream that is closed');
    },
    abort,
  } as unknown as MessageStream;
  expect(sendingNeverThrows(closed).send(new Uint8Array(1))).toBe(false);
  await Promise.resolve();
  expect(abort).toHaveBeenCalledOnce();
});
