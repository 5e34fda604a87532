import { expect, it } from 'vitest';
import type { ObservedRecord } from '../../protocol/observed.ts';
import { encodeRecords, observedSigningBytes } from '../../protocol/wire-observed.ts';
import { fakeIdentity, fakeVerify } from '../support/liveness-world.ts';
import { DiskContents, SimDisk } from './disk.ts';
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
  const [alone] = reader.read(encodeRecords([first])).records;
  const [beside, again] = reader.read(encodeRecords([other, first])).records;
  expect(alone).toEqual(first);
  expect(again).toBe(alone);
  expect(beside).toEqual(other);
  const forged = { ...first, node: 'node-3' };
  const [read] = reader.read(encodeRecords([forged])).records;
  expect(read).toEqual(forged);
  expect(reader.isSigned(again!)).toBe(true);
  expect(reader.isSigned(read!)).toBe(false);
  expect(reader.read(encodeRecords([first, record(2)])).records).toEqual([first, record(2)]);
});

it('keeps once what two disks have under one key, while they have the same', () => {
  const contents = new DiskContents();
  const [left, right] = [new SimDisk(contents), new SimDisk(contents)];
  const write = (disk: SimDisk, text: string): void => disk.settle(disk.begin([{ type: 'put', key: 'key', value: Buffer.from(text) }]), 0);
  write(left, 'one');
  write(right, 'one');
  expect(right.records.get('key')).toBe(left.records.get('key'));
  write(right, 'two');
  expect(Buffer.from(left.records.get('key')!).toString()).toBe('one');
  expect(Buffer.from(right.records.get('key')!).toString()).toBe('two');
});
