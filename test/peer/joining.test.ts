import { expect, it } from 'vitest';
import { ADMIT_TIMEOUT_MS, createJoinHandler } from '../../daemon/peer/joining.ts';
import { proveJoinRequest } from '../../protocol/joining.ts';
import type { JoinTokenSpec, MemberSpec } from '../../protocol/types.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const SECRET = new Uint8Array(16).fill(7);
const exporter = (): Uint8Array => new Uint8Array(32).fill(9);

function memberOf(peerId: string): MemberSpec {
  return {
    peerId,
    nodeName: `node-${peerId}`,
    peerAddresses: ['/ip4/10.0.0.1/tcp/7420'],
    beatAddresses: ['10.0.0.1:7420'],
    apiAddresses: ['https://10.0.0.1:6443'],
    beatKey: 'A'.repeat(43),
    admittedBy: '',
  };
}

it('a token lets nobody else in while an admission by it may still be written, however long that takes', async () => {
  const clock = new VirtualClock();
  const token: JoinTokenSpec = {
    secret: Buffer.from(SECRET).toString('base64url'),
    expiresAt: new Date(clock.now() + 10 * ADMIT_TIMEOUT_MS).toISOString(),
  };
  const written: (() => void)[] = [];
  const admitted: string[] = [];
  const handler = createJoinHandler({
    clock,
    log: silentLog,
    verify: () => true,
    self: 'founder',
    cluster: () => ({ clusterId: 'c', caCertificate: 'ca', caKey: 'key' }),
    token: () => token,
    members: () => [],
    admit: async (member) => {
      admitted.push(member.peerId);
      await new Promise<void>((resolve) => written.push(resolve));
      token.usedBy = member.peerId;
      return [member];
    },
  });
  const join = async (peer: string): Promise<number> => {
    const request = proveJoinRequest({ id: 'token1', secret: SECRET }, exporter(), memberOf(peer), () => new Uint8Array(64));
    return (await handler(request, { remoteAddress: '10.0.0.1:1', exporter })).status;
  };
  const first = join('first');
  await clock.pass(ADMIT_TIMEOUT_MS + 1_000);
  expect(await first).toBe(503);
  expect(await join('other')).toBe(403);
  // The same host may try again.
  const again = join('first');
  written.shift()!();
  expect(await join('other')).toBe(403);
  written.shift()!();
  expect(await again).toBe(200);
  expect(new Set(admitted)).toEqual(new Set(['first']));
});
