import { encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TOKEN_LENGTH, decodeJoinToken, encodeJoinToken } from '../../protocol/token.ts';
import type { JoinToken } from '../../protocol/token.ts';

const token: JoinToken = {
  rootHash: 'ab'.repeat(32),
  id: 'k7m2p9qxzt',
  secret: new Uint8Array(16).map((_, index) => index),
  expiresAt: 1_800_000_000_000,
  addresses: ['https://10.0.0.1:6443', 'https://[::1]:6443', 'https://host.example:6443'],
};

describe('a join token', () => {
  it('says after reading what was written, in these very bytes', () => {
    const text = encodeJoinToken(token);
    expect(decodeJoinToken(text)).toEqual(token);
    expect(text).toBe(
      'kith1.pWFhg3VodHRwczovLzEwLjAuMC4xOjY0NDNyaHR0cHM6Ly9bOjoxXTo2NDQzeBlodHRwczovL2hvc3QuZXhhbXBsZTo2NDQzYWUbAAABoxhcUABhaWprN20ycDlxeHp0YXJYIKurq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urYXNQAAECAwQFBgcICQoLDA0ODw',
    );
  });

  it('may be wrapped and padded with white space, as terminals do', () => {
    const text = encodeJoinToken(token);
    expect(decodeJoinToken(`\n  ${text.slice(0, 80)}\n${text.slice(80)} \r\n`)).toEqual(token);
  });

  it('is refused with the reason when it is none', () => {
    const text = encodeJoinToken(token);
    const cases: [string, RegExp][] = [
      ['', /empty/],
      ['hello', /does not start with kith1\./],
      [text.replace('kith1', 'kith2'), /version 2/],
      [text.slice(0, -20), /cut off/],
      [`kith1.${'!'.repeat(10)}`, /characters that no token has/],
      ['x'.repeat(MAX_TOKEN_LENGTH + 1), /longer than/],
    ];
    for (const [given, reason] of cases) expect(() => decodeJoinToken(given)).toThrow(reason);
  });

  it('is refused when a field is missing, wrong or not an https address', () => {
    const fields = { r: new Uint8Array(32), i: 'abcd', s: new Uint8Array(16), e: 1, a: ['https://h:1'] };
    const pack = (value: unknown) => `kith1.${Buffer.from(encode(value)).toString('base64url')}`;
    expect(decodeJoinToken(pack(fields)).id).toBe('abcd');
    const wrong: unknown[] = [
      7,
      null,
      { ...fields, r: new Uint8Array(31) },
      { ...fields, i: 'a/b' },
      { ...fields, s: 'secret' },
      { ...fields, e: 'soon' },
      { ...fields, a: [] },
      { ...fields, a: ['http://h:1'] },
      { ...fields, a: ['https://h:1/path'] },
      { ...fields, a: ['https://user@h:1'] },
      { ...fields, a: Array<string>(17).fill('https://h:1') },
    ];
    for (const value of wrong) expect(() => decodeJoinToken(pack(value)), JSON.stringify(value)).toThrow(/no valid join token/);
  });

  it('is read or refused, but never breaks the reader, whatever is pasted', () => {
    const seed = Date.now() & 0x7fffffff;
    console.log(`seed ${seed}`);
    const text = encodeJoinToken(token);
    const damaged = fc
      .tuple(fc.nat(text.length - 1), fc.string({ maxLength: 3 }))
      .map(([at, put]) => text.slice(0, at) + put + text.slice(at + 1));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          damaged,
          fc.base64String().map((body) => `kith1.${body}`),
        ),
        (given) => {
          try {
            decodeJoinToken(given);
          } catch (error) {
            expect(error).toMatchObject({ code: 'InvalidToken' });
          }
        },
      ),
      { seed, numRuns: 500 },
    );
  });

  it('never shows up in the error about it', () => {
    try {
      decodeJoinToken(encodeJoinToken(token).slice(0, -5));
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).not.toContain('kith1.p');
    }
  });
});
