import { encode } from 'cborg';
import { describe, expect, it } from 'vitest';
import type { DoctorReply, Examination } from '../../protocol/doctor.ts';
import {
  decodeDoctorReply,
  decodeDoctorRequest,
  encodeDoctorReply,
  encodeDoctorRequest,
  MAX_DOCTOR_BYTES,
  MAX_FINDING_CHARS,
  MAX_FINDINGS,
} from '../../protocol/wire-doctor.ts';

const examination: Examination = {
  node: 'a',
  version: 'kith 1, wire 1',
  complete: true,
  subnets: { a: '10.42.1.0/24' },
  findings: [{ node: 'a', check: 'disk', what: 'full', fix: 'make room' }],
  checked: ['disk'],
  skipped: [{ check: 'rules', why: 'not here' }],
};

describe('words of the doctor', () => {
  it('survive the wire', () => {
    for (const type of ['examine', 'compare'] as const) expect(decodeDoctorRequest(encodeDoctorRequest({ type }))).toEqual({ type });
    const replies: DoctorReply[] = [
      { type: 'examination', examination },
      { type: 'compared', wallMs: 1_767_225_600_000, digest: ['00', 'ff'] },
    ];
    for (const reply of replies) expect(decodeDoctorReply(encodeDoctorReply(reply))).toEqual(reply);
  });

  it.each([
    ['another version', { v: 2, type: 'examination', examination }],
    ['no map', []],
    ['an unknown type', { v: 1, type: 'chat' }],
    ['an unknown check', { v: 1, type: 'examination', examination: { ...examination, checked: ['stars'] } }],
    [
      'too many findings',
      { v: 1, type: 'examination', examination: { ...examination, findings: Array(MAX_FINDINGS + 1).fill(examination.findings[0]) } },
    ],
    [
      'a finding that is a book',
      {
        v: 1,
        type: 'examination',
        examination: { ...examination, findings: [{ ...examination.findings[0], fix: 'x'.repeat(MAX_FINDING_CHARS + 1) }] },
      },
    ],
    ['a digest that is none', { v: 1, type: 'compared', wallMs: 1, digest: [7] }],
    ['a clock that is none', { v: 1, type: 'compared', wallMs: 'noon', digest: [] }],
  ])('are refused: %s', (_what, message) => {
    expect(() => decodeDoctorReply(encode(message))).toThrow(/malformed|version/);
  });

  it('are refused beyond their bounds', () => {
    expect(() => decodeDoctorReply(new Uint8Array(MAX_DOCTOR_BYTES + 1))).toThrow(/malformed/);
    expect(() => decodeDoctorReply(Uint8Array.of(0xff))).toThrow(/malformed/);
  });
});
