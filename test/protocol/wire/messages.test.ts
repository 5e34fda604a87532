import { readFileSync } from 'node:fs';
import { encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChangeEnvelope, EpochClock, ReplicaVersion } from '../../../protocol/desired.ts';
import {
  changesBody,
  changesOf,
  documentBytes,
  splitEnvelope,
  tombstoneBytes,
  versionBytes,
  versionsOf,
} from '../../../protocol/wire/changes.ts';
import { isObjectKey } from '../../../protocol/wire/fields.ts';
import type { Fields } from '../../../protocol/wire/fields.ts';
import * as limits from '../../../protocol/wire/limits.ts';
import { decodeMessage, encodeMessage, expectKind } from '../../../protocol/wire/message.ts';
import {
  bucketsBody,
  bucketsOf,
  digestBody,
  digestOf,
  mergedBody,
  mergedOf,
  pullBody,
  pullOf,
  versionsAnswer,
  versionsAnswerOf,
} from '../../../protocol/wire/sync.ts';
import type { BucketsBody, DigestBody, VersionsBody } from '../../../protocol/wire/sync.ts';

const golden = JSON.parse(readFileSync(new URL('../../golden/wire.json', import.meta.url), 'utf8')) as { kind: string; hex: string }[];
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const version: ReplicaVersion = { key: 'pods/default/web', life: 1, buried: 0, heads: ['ab'.repeat(32)] };
const envelope: ChangeEnvelope = {
  id: '00ff',
  changes: [
    { key: 'pods/default/web', life: 1, changes: [Uint8Array.of(1, 2)] },
    { key: 'pods/default/x', life: 2, changes: [], document: Uint8Array.of(3) },
  ],
  tombstones: [{ key: 'pods/default/y', life: 1, at: '2026-01-01T00:00:00Z' }],
};
const epoch = { number: 2, changes: 300, root: 'cd'.repeat(32) };
const clock: EpochClock = [
  ['01'.repeat(16), 7],
  ['02'.repeat(32), 1],
];
const cut: ChangeEnvelope = {
  id: '00ff',
  changes: [
    {
      key: 'pods/default/web',
      life: 1,
      changes: [],
      document: Uint8Array.of(3),
      epoch,
      origin: { heads: ['ef'.repeat(32)], clock, past: [{ root: '12'.repeat(32), clock }] },
    },
  ],
  tombstones: [{ key: 'pods/default/y', life: 1, at: '', heads: ['ab'.repeat(32)], cut: { epoch, heads: ['ef'.repeat(32)] } }],
};
const whole: DigestBody = { digest: Array.from({ length: 256 }, () => '0'.repeat(16)), floor: 0, complete: true, epochs: true };
const after: BucketsBody = { buckets: [7, 9], after: 'pods/default/web' };
const upTo: VersionsBody = { buckets: [7], versions: [version], upTo: 'pods/default/x' };
const bodies: Record<string, { value: unknown; body: Fields; read: (body: Fields) => unknown }> = {
  changes: { value: envelope, body: changesBody(envelope), read: changesOf },
  digest: {
    value: { digest: Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(16, '0')), floor: 3 },
    body: digestBody({ digest: Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(16, '0')), floor: 3 }),
    read: digestOf,
  },
  buckets: { value: { buckets: [0, 255] }, body: bucketsBody({ buckets: [0, 255] }), read: bucketsOf },
  versions: {
    value: { buckets: [0], versions: [version, { key: 'pods/default/y', life: 0, buried: 1, heads: [], settled: true }] },
    body: versionsAnswer({ buckets: [0], versions: [version, { key: 'pods/default/y', life: 0, buried: 1, heads: [], settled: true }] }),
    read: versionsAnswerOf,
  },
  pull: { value: [version], body: pullBody([version]), read: pullOf },
  merged: {
    value: { missing: [version], refused: ['pods/default/z'] },
    body: mergedBody({ missing: [version], refused: ['pods/default/z'] }),
    read: mergedOf,
  },
  'changes, of a history that was cut': { value: cut, body: changesBody(cut), read: changesOf },
  'digest, of one that takes cut histories': { value: whole, body: digestBody(whole), read: digestOf },
  'pull, of a history that was cut': { value: [{ ...version, epoch }], body: pullBody([{ ...version, epoch }]), read: pullOf },
  'buckets, after a key': { value: after, body: bucketsBody(after), read: bucketsOf },
  'versions, up to a key': { value: upTo, body: versionsAnswer(upTo), read: versionsAnswerOf },
};

describe('messages about desired state', () => {
  it('have the bytes that they had when this wire version was frozen', () => {
    expect(golden.map(({ kind }) => kind)).toEqual(Object.keys(bodies));
    for (const { kind: name, hex } of golden) {
      const { value, body, read } = bodies[name]!;
      const [kind = ''] = name.split(',');
      expect(Buffer.from(encodeMessage({ cluster: 'c', from: 'p', kind, body })).toString('hex')).toBe(hex);
      const message = decodeMessage(bytesOf(hex), 'c');
      expect(message).toMatchObject({ cluster: 'c', from: 'p', kind });
      expect(read(expectKind(message, kind))).toEqual(value);
    }
  });

  it('refuse other versions, other clusters, other kinds and what is too large, each by name', () => {
    const frame = { v: 1, cluster: 'c', from: 'p', kind: 'digest', body: {} };
    const code = (change: object, maxBytes?: number): unknown => {
      try {
        expectKind(decodeMessage(encode({ ...frame, ...change }), 'c', maxBytes), 'digest');
        return 'taken';
      } catch (error) {
        return (error as { code: unknown }).code;
      }
    };
    expect(code({})).toBe('taken');
    expect(code({ unknown: [1, 2] })).toBe('taken');
    expect(code({ v: 2 })).toBe('WireVersion');
    expect(code({ v: undefined })).toBe('WireInvalid');
    expect(code({ cluster: 'd' })).toBe('WireCluster');
    expect(code({ kind: 'other' })).toBe('WireKind');
    expect(code({ body: [] })).toBe('WireInvalid');
    expect(code({ from: 'x'.repeat(200) })).toBe('WireInvalid');
    expect(code({}, 10)).toBe('WireOversize');
  });

  it('meet damage and nonsense with a typed error, never another one', () => {
    const known = new Set(['WireInvalid', 'WireVersion', 'WireCluster', 'WireKind', 'WireOversize']);
    const seed = Date.now() & 0xffff;
    console.log(`seed ${seed}`);
    const survive = (raw: Uint8Array): void => {
      for (const [kind, { read }] of Object.entries(bodies)) {
        try {
          read(expectKind(decodeMessage(raw, 'c'), kind));
        } catch (error) {
          expect(known).toContain((error as { code: unknown }).code);
        }
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survive), { seed });
    const damaged = fc
      .record({
        which: fc.nat(golden.length - 1),
        edits: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        cut: fc.boolean(),
      })
      .map(({ which, edits, cut }) => {
        const raw = bytesOf(golden[which]!.hex);
        for (const [position, value] of edits) raw[position % raw.length] = value;
        return cut ? raw.subarray(0, raw.length - 3) : raw;
      });
    fc.assert(fc.property(damaged, survive), { seed, numRuns: 500 });
    survive(Uint8Array.from({ length: 200_000 }, () => 0x81));
  });

  it('refuse keys, lives and heads that are none', () => {
    const one = (change: object): Fields => ({ versions: [{ key: 'pods/default/web', life: 1, buried: 0, heads: [], ...change }] });
    expect(versionsOf(one({}), 'versions')).toHaveLength(1);
    for (const change of [
      { key: 'web' },
      { life: -1 },
      { life: 2 ** 32 },
      { life: 1.5 },
      { buried: '1' },
      { heads: [Uint8Array.of(1)] },
      { heads: {} },
    ]) {
      expect(() => versionsOf(one(change), 'versions')).toThrow(/malformed/);
    }
  });

  it('know an object key from what is none', () => {
    for (const key of [
      'pods/default/web',
      'nodes//node-1',
      'members.kith.dev//12D3KooWxyz',
      'clusterroles.rbac.authorization.k8s.io//system:node',
    ]) {
      expect(isObjectKey(key)).toBe(true);
    }
    for (const key of [
      '',
      'pods',
      'pods/web',
      'pods/default/',
      'pods/a/b/c',
      'Pods/default/web',
      'pods/default/a\u0000',
      `pods/default/${'x'.repeat(700)}`,
    ]) {
      expect(isObjectKey(key)).toBe(false);
    }
  });

  it('are cut into parts that hold everything once, in order', () => {
    const many: ChangeEnvelope = {
      id: 'e',
      tombstones: Array.from({ length: 50 }, (_, index) => ({ key: `pods/default/t${index}`, life: 1, at: '' })),
      changes: Array.from({ length: 50 }, (_, index) => ({
        key: `pods/default/c${index}`,
        life: 1,
        changes: [new Uint8Array(index * 20)],
      })),
    };
    const parts = splitEnvelope(many, 2_000);
    expect(parts.length).toBeGreaterThan(5);
    expect(parts.flatMap(({ changes }) => changes)).toEqual(many.changes);
    expect(parts.flatMap(({ tombstones }) => tombstones)).toEqual(many.tombstones);
    expect(new Set(parts.map(({ id }) => id)).size).toBe(parts.length);
    for (const part of parts)
      expect(encodeMessage({ cluster: 'c', from: 'p', kind: 'changes', body: changesBody(part) }).byteLength).toBeLessThan(2_500);
    expect(splitEnvelope(envelope, 1_000)).toEqual([envelope]);
  });

  it('take no more bytes than is counted of their parts', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const longKey = `clusterroles.rbac.authorization.k8s.io//${'日'.repeat(500)}`;
    const longEpoch = { number: most, changes: most, root: 'cd'.repeat(32) };
    const heads = Array.from({ length: 40 }, () => 'ab'.repeat(32));
    const longClock: EpochClock = Array.from({ length: 30 }, () => ['02'.repeat(64), most]);
    const origin = { heads, clock: longClock, past: [{ root: '12'.repeat(32), clock: longClock }] };
    const grave = { key: longKey, life: 2 ** 32 - 1, at: '2026-01-01T00:00:00Z', heads, cut: { epoch: longEpoch, heads } };
    const admitted = Array.from({ length: 300 }, () => 'p'.repeat(52));
    const document = { key: longKey, life: 2 ** 32 - 1, changes: heads.map(() => new Uint8Array(300)), epoch: longEpoch, origin };
    const length = (body: Fields): number => encodeMessage({ cluster: 'c', from: 'p', kind: 'k', body }).byteLength;
    const parts = (part: Partial<ChangeEnvelope>): Fields => changesBody({ id: 'e', changes: [], tombstones: [], ...part });
    for (const tombstone of [grave, { ...grave, heads: [], admitted }, envelope.tombstones[0]!])
      expect(length(parts({ tombstones: [tombstone] })) - length(parts({}))).toBeLessThanOrEqual(tombstoneBytes(tombstone));
    for (const each of [document, { ...document, changes: [], document: new Uint8Array(70_000) }, ...envelope.changes])
      expect(length(parts({ changes: [each] })) - length(parts({}))).toBeLessThanOrEqual(documentBytes(each));
    const long = { key: longKey, life: 2 ** 32 - 1, buried: 2 ** 32 - 1, heads, epoch: longEpoch, settled: true };
    for (const each of [long, version]) expect(length(pullBody([each])) - length(pullBody([]))).toBeLessThanOrEqual(versionBytes(each));
  });

  it('have limits that fit into one another', () => {
    expect(limits.MAX_CHANGE_BYTES).toBeGreaterThanOrEqual(limits.MAX_OBJECT_BYTES * 2);
    expect(limits.MAX_STREAM_MESSAGE_BYTES).toBeGreaterThanOrEqual(limits.MAX_CHANGE_BYTES + limits.SYNC_CHUNK_BYTES);
    expect(limits.MAX_GOSSIP_BYTES).toBeLessThan(limits.SYNC_CHUNK_BYTES + 1);
    const greatest = 3 * limits.MAX_KEY_CHARS + 64 * limits.MAX_HEADS;
    expect(limits.MAX_VERSIONS_BYTES + greatest).toBeLessThanOrEqual(limits.MAX_STREAM_MESSAGE_BYTES);
  });
});
