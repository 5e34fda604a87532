import { encode } from 'cborg';
import { describe, expect, it } from 'vitest';
import type { ProbeAnswer, ProbeRequest } from '../../protocol/liveness.ts';
import {
  decodeAnnouncement,
  decodeProbeAnswer,
  decodeProbeRequest,
  encodeAnnouncement,
  encodeProbeAnswer,
  encodeProbeRequest,
  MAX_LIVENESS_BYTES,
} from '../../protocol/wire-liveness.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('liveness messages', () => {
  it('survive the wire', () => {
    const requests: ProbeRequest[] = [
      { type: 'ping', incarnation: 3, knownIncarnation: 2, accused: null, announcement: { term: 4, leader: 'A' } },
      { type: 'ping', incarnation: 3, knownIncarnation: 2, accused: 2, announcement: { term: 0, leader: '' } },
      { type: 'about', peer: 'B', probe: true },
    ];
    for (const request of requests) expect(decodeProbeRequest(encodeProbeRequest(request))).toEqual(request);
    const answers: ProbeAnswer[] = [
      { type: 'about', incarnation: 1, heardAgoMs: null, kernel: null },
      { type: 'about', incarnation: 1, heardAgoMs: 12, kernel: { answer: 'refused', agoMs: 3 } },
    ];
    for (const answer of answers) expect(decodeProbeAnswer(encodeProbeAnswer(answer))).toEqual(answer);
    expect(decodeAnnouncement(encodeAnnouncement({ term: 7, leader: 'A' }))).toEqual({ term: 7, leader: 'A' });
  });

  it('have these bytes', () => {
    expect(hex(encodeAnnouncement({ term: 7, leader: 'A' }))).toBe('a361760164' + '7465726d07' + '666c656164657261' + '41');
    expect(hex(encodeProbeRequest({ type: 'about', peer: 'B', probe: true }))).toBe(
      'a4617601' + '6470656572' + '6142' + '6474797065' + '6561626f7574' + '6570726f6265f5',
    );
  });

  it('are refused when of another version, too large, or garbage', () => {
    expect(() => decodeAnnouncement(encode({ v: 2, term: 1, leader: 'A' }))).toThrow('version 2');
    expect(() => decodeAnnouncement(new Uint8Array(MAX_LIVENESS_BYTES + 1))).toThrow(`${MAX_LIVENESS_BYTES + 1} bytes`);
    expect(() => decodeAnnouncement(encode({ v: 1, term: -1, leader: 'A' }))).toThrow('term');
    expect(() => decodeProbeRequest(encode({ v: 1, type: 'about', peer: '', probe: true }))).toThrow('peer');
    expect(() => decodeProbeRequest(encode({ v: 1, type: 'shutdown' }))).toThrow('unknown');
    expect(() =>
      decodeProbeAnswer(encode({ v: 1, type: 'about', incarnation: 1, heardAgoMs: 1, kernel: { answer: 'maybe', agoMs: 1 } })),
    ).toThrow('kernel');
    expect(() => decodeProbeAnswer(Uint8Array.of(0xff, 0x00))).toThrow('no CBOR');
  });
});
