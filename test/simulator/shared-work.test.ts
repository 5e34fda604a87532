import { expect, it } from 'vitest';
import type { ObservedRecord } from '../../protocol/observed.ts';
import { encodeRecords, observedSigningBytes } from '../../protocol/wire-observed.ts';
import { fakeIdentity, fakeVerify } from '../support/liveness-world.ts';
import { sharedReader } from './shared-work.ts';

function record(sequence: number, peerId = 'peer2'): ObservedRecord {
  const at = '2026-01-01T00:00:00Z';
  const how = 'silent';
  const value = { kind: 'death', peerId, node: 'node-2', incarnation: 1, how, lastSeen: at, at, membersSeen: 2, membersKnown: 3 } as const;
  const unsigned = { owner: 'peer1', node: 'node-1', incarnation: 1, sequence, key: `death/${peerId}`, value };
  return { ...unsigned, signature: Buffer.from(fakeIdentity('peer1').sign(observedSigningBytes(unsigned))).toString('base64url') };
}

it('gives all who read equal records in different messages the same one, and nobody a forged one for it', () => {
  const reader = sharedReader(fakeVerify);
  const [first, other] = [record(1), record(1, 'peer3')];
  const [alone] = reader.read(encodeRecords([first]));
  const [beside, again] = reader.read(encodeRecords([other, first]));
  expect(alone).toEqual(first);
  expect(again).toBe(alone);
  expect(beside).toEqual(other);
  const forged = { ...first, node: 'node-3' };
  const [read] = reader.read(encodeRecords([forged]));
  expect(read).toEqual(forged);
  expect(reader.isSigned(again!)).toBe(true);
  expect(reader.isSigned(read!)).toBe(false);
  expect(reader.read(encodeRecords([first, record(2)]))).toEqual([first, record(2)]);
});
