import { encode } from 'cborg';
import { describe, expect, it } from 'vitest';
import type { DeathRecord, ObservedRecord } from '../../protocol/observed.ts';
import {
  decodeObservedRequest,
  decodeRecords,
  decodeVersions,
  encodeObservedAnswer,
  encodeObservedRequest,
  encodeRecords,
  MAX_RECORD_BYTES,
  observedSigningBytes,
} from '../../protocol/wire-observed.ts';

const death: DeathRecord = {
  kind: 'death',
  peerId: 'B',
  node: 'node-b',
  incarnation: 2,
  how: 'silent',
  lastSeen: '2026-01-01T00:00:00.000Z',
  at: '2026-01-01T00:00:01.200Z',
  membersSeen: 2,
  membersKnown: 3,
};
const record: ObservedRecord = { owner: 'A', node: 'node-a', incarnation: 1, sequence: 7, key: 'death/B', value: death, signature: 'c2ln' };

describe('messages about observed state', () => {
  it('survive the wire', () => {
    expect(decodeRecords(encodeRecords([record, { ...record, value: null }]))).toEqual([record, { ...record, value: null }]);
    for (const request of [
      { type: 'digest' as const, owners: [{ owner: 'A', count: 1, hash: '00ff' }] },
      { type: 'pull' as const, wanted: [{ owner: 'A', key: 'node' }] },
    ]) {
      expect(decodeObservedRequest(encodeObservedRequest(request))).toEqual(request);
    }
    const versions = [{ owner: 'A', key: 'node', incarnation: 1, sequence: 2 }];
    expect(decodeVersions(encodeObservedAnswer({ type: 'versions', versions }))).toEqual(versions);
  });

  it('are signed over these bytes, whatever the order of the members and whichever are undefined', () => {
    const withdrawn = { owner: 'A', node: 'n', incarnation: 1, sequence: 2, key: 'node', value: null };
    const golden = 'a6636b6579646e6f6465646e6f6465616e656f776e657261416576616c7565f66873657175656e6365026b696e6361726e6174696f6e01';
    expect(Buffer.from(observedSigningBytes(withdrawn)).toString('hex')).toBe(golden);
    const shuffled = Object.fromEntries(Object.entries(death).reverse()) as unknown as DeathRecord;
    const padded = { ...shuffled, extra: undefined } as DeathRecord;
    expect(observedSigningBytes({ ...record, value: padded })).toEqual(observedSigningBytes(record));
  });

  it.each([
    ['a value that is not what its key says', { ...record, key: 'node' }],
    ['a death of another peer than its key names', { ...record, key: 'death/C' }],
    ['a death of a kind that does not exist', { ...record, value: { ...death, how: 'bored' } }],
    ['a pod without a status', { ...record, key: 'pod/1', value: { kind: 'pod', uid: '1' } }],
    ['a negative sequence', { ...record, sequence: -1 }],
    [
      'a record too large',
      { ...record, key: 'node', value: { kind: 'node', status: { text: 'x'.repeat(MAX_RECORD_BYTES) }, version: '1' } },
    ],
  ])('refuse %s', (_name, bad) => {
    expect(() => decodeRecords(encode({ v: 1, type: 'records', records: [bad] }))).toThrow('malformed message');
  });

  it('are refused when of another version, or garbage', () => {
    expect(() => decodeRecords(encode({ v: 2, type: 'records', records: [] }))).toThrow('version 2');
    expect(() => decodeRecords(Uint8Array.of(0xff))).toThrow('no CBOR');
    expect(() => decodeObservedRequest(encode({ v: 1, type: 'erase' }))).toThrow('unknown request');
  });
});
