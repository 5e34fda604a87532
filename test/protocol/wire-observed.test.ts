import { encode } from 'cborg';
import { describe, expect, it } from 'vitest';
import type { DeathRecord, ObservedRecord, UsageReport } from '../../protocol/observed.ts';
import {
  decodeBuckets,
  decodeObservedRequest,
  decodeRecords,
  decodeVersions,
  encodeObservedAnswer,
  encodeObservedRequest,
  encodeRecords,
  MAX_FACT_KEY_BYTES,
  MAX_RECORD_BYTES,
  observedSigningBytes,
  type RecordVersion,
  rowBytes,
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
    expect(decodeRecords(encodeRecords([record, { ...record, value: null }])).records).toEqual([record, { ...record, value: null }]);
    for (const request of [
      { type: 'digest' as const, owners: [{ owner: 'A', count: 1, hash: '00ff' }] },
      { type: 'digest' as const, owners: [], buckets: [0, 63] },
      { type: 'summary' as const, hashes: new Uint8Array(512).fill(7) },
      { type: 'pull' as const, wanted: [{ owner: 'A', key: 'node' }] },
    ]) {
      expect(decodeObservedRequest(encodeObservedRequest(request))).toEqual(request);
    }
    const versions = [{ owner: 'A', key: 'node', incarnation: 1, sequence: 2 }];
    for (const isWhole of [true, false]) {
      const answer = { versions, isWhole };
      expect(decodeVersions(encodeObservedAnswer({ type: 'versions', ...answer }))).toEqual(answer);
    }
    expect(decodeBuckets(encodeObservedAnswer({ type: 'buckets', buckets: [3, 5] }))).toEqual([3, 5]);
    const short = encodeObservedRequest({ type: 'summary', hashes: new Uint8Array(8) });
    expect(() => decodeObservedRequest(short)).toThrow('a summary of 8 bytes');
  });

  it('are signed over these bytes, whatever the order of the members and whichever are undefined', () => {
    const withdrawn = { owner: 'A', node: 'n', incarnation: 1, sequence: 2, key: 'node', value: null };
    const golden = 'a6636b6579646e6f6465646e6f6465616e656f776e657261416576616c7565f66873657175656e6365026b696e6361726e6174696f6e01';
    expect(Buffer.from(observedSigningBytes(withdrawn)).toString('hex')).toBe(golden);
    const shuffled = Object.fromEntries(Object.entries(death).reverse()) as unknown as DeathRecord;
    const padded = { ...shuffled, extra: undefined } as DeathRecord;
    expect(observedSigningBytes({ ...record, value: padded })).toEqual(observedSigningBytes(record));
  });

  it('tell of usage in these bytes', () => {
    const pods = [{ uid: 'u', containers: [{ name: 'main', cpuMillis: 250, memoryBytes: 1_048_576 }] }];
    const value: UsageReport = {
      kind: 'usage',
      at: '2026-01-01T00:00:15Z',
      windowMs: 15_000,
      node: { cpuMillis: 1, memoryBytes: 2 },
      pods,
    };
    const usage = { ...record, key: 'usage', value };
    expect(decodeRecords(encodeRecords([usage])).records).toEqual([usage]);
    expect(Buffer.from(observedSigningBytes(usage)).toString('hex')).toBe(
      'a6636b6579657573616765646e6f6465666e6f64652d61656f776e657261416576616c7565a562617474323032362d30312d30315430303a30303a31355a646b696e64657573616765646e6f6465a2696370754d696c6c6973016b6d656d6f727942797465730264706f647381a26375696461756a636f6e7461696e65727381a3646e616d65646d61696e696370754d696c6c697318fa6b6d656d6f727942797465731a001000006877696e646f774d73193a986873657175656e6365076b696e6361726e6174696f6e01',
    );
    const bad = { ...value, pods: [{ uid: 'u', containers: [{ name: 'main', cpuMillis: -1, memoryBytes: 0 }] }] };
    expect(decodeRecords(encode({ v: 1, type: 'records', records: [{ ...usage, value: bad }] })).records).toEqual([]);
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
    ['a key that is longer than those of its kind', { ...record, key: 'k'.repeat(MAX_FACT_KEY_BYTES + 1), value: null }],
    ['a key of letters that take more room than it has', { ...record, key: `event/default/${'日'.repeat(130)}`, value: null }],
    ['a number that is too large to be one', { ...record, value: { ...death, extra: 2n ** 60n } }],
    ['what is no map', 7],
  ])('refuse %s, and take what comes with it', (_name, bad) => {
    const { records, malformed } = decodeRecords(encode({ v: 1, type: 'records', records: [bad, record] }));
    expect(records).toEqual([record]);
    expect(malformed).toEqual([typeof bad === 'number' ? { owner: '', key: '' } : { owner: bad.owner, key: bad.key }]);
  });

  it('name records in rows that take no more than is counted', () => {
    const version = { owner: 'p'.repeat(128), key: `event/${'日'.repeat(131)}`, incarnation: Number.MAX_SAFE_INTEGER, sequence: 2 ** 40 };
    const bytesOf = (versions: RecordVersion[]): number => encodeObservedAnswer({ type: 'versions', versions, isWhole: true }).byteLength;
    expect(bytesOf([version]) - bytesOf([])).toBeLessThanOrEqual(rowBytes(version));
  });

  it('are refused when of another version, or garbage', () => {
    expect(() => decodeRecords(encode({ v: 2, type: 'records', records: [] }))).toThrow('version 2');
    expect(() => decodeRecords(Uint8Array.of(0xff))).toThrow('no CBOR');
    expect(() => decodeObservedRequest(encode({ v: 1, type: 'erase' }))).toThrow('unknown request');
  });
});
