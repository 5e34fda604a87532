import { encode } from 'cborg';
import { describe, expect, it } from 'vitest';
import type { LeaseAnswer, LeaseRequest } from '../../protocol/leases.ts';
import { decodeLeaseAnswer, decodeLeaseRequest, encodeLeaseAnswer, encodeLeaseRequest } from '../../protocol/wire-leases.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const ballot = { round: 2, peer: 'A', incarnation: 3 };
const votes = [{ resource: 'r/0', pod: 'u', term: 1 }];

describe('messages about leases', () => {
  it('survive the wire', () => {
    const requests: LeaseRequest[] = [
      { type: 'vote', version: 2, incarnation: 3, dry: true, votes },
      { type: 'release', releases: votes },
      { type: 'prepare', version: 3, ballot },
      { type: 'accept', version: 3, ballot, members: ['A', 'B'] },
      { type: 'learn', electorate: { version: 3, members: ['A', 'B'] } },
    ];
    for (const request of requests) expect(decodeLeaseRequest(encodeLeaseRequest(request))).toEqual(request);
    const answers: LeaseAnswer[] = [
      {
        type: 'verdicts',
        verdicts: [
          { granted: true, term: 4 },
          { granted: false, term: 5, why: 'held', leftMs: 70 },
        ],
      },
      { type: 'newer', electorate: { version: 3, members: ['A'] } },
      { type: 'behind', version: 1 },
      { type: 'promised' },
      { type: 'promised', accepted: { ballot, members: ['A'] } },
      { type: 'outbid', ballot },
      { type: 'settling', leftMs: 9 },
      { type: 'done' },
    ];
    for (const answer of answers) expect(decodeLeaseAnswer(encodeLeaseAnswer(answer))).toEqual(answer);
  });

  it('have these bytes', () => {
    expect(hex(encodeLeaseRequest({ type: 'vote', version: 2, incarnation: 3, dry: false, votes }))).toBe(
      'a661760163647279f4647479706564766f746565766f74657381a363706f646175647465726d01687265736f7572636563722f306776657273696f6e026b696e6361726e6174696f6e03',
    );
  });

  it('are refused when of another version, of an unknown type, or garbage', () => {
    expect(() => decodeLeaseRequest(encode({ v: 2, type: 'release', releases: [] }))).toThrow('version 2');
    expect(() => decodeLeaseRequest(encode({ v: 1, type: 'steal' }))).toThrow('steal');
    expect(() => decodeLeaseRequest(encode({ v: 1, type: 'release', releases: [{ resource: 'r', pod: 'u', term: -1 }] }))).toThrow('term');
    expect(() => decodeLeaseAnswer(Uint8Array.of(1, 2, 3))).toThrow('CBOR');
  });
});
