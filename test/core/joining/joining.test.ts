import { describe, expect, it } from 'vitest';
import {
  ATTEMPT_WINDOW_MS,
  JoinAttempts,
  MAX_ATTEMPTS,
  MAX_ATTEMPTS_PER_ADDRESS,
  addressOf,
} from '../../../daemon/core/joining/attempts.ts';
import { DEFAULT_TOKEN_LIFETIME_MS, draftJoinToken } from '../../../daemon/core/joining/draft-token.ts';
import { judgeJoinRequest, parseJoinRequest } from '../../../daemon/core/joining/judge.ts';
import type { JoinFacts } from '../../../daemon/core/joining/judge.ts';
import { proveJoinRequest } from '../../../protocol/joining.ts';
import { decodeJoinToken } from '../../../protocol/token.ts';
import type { MemberSpec } from '../../../protocol/types.ts';

const member: MemberSpec = {
  peerId: 'peer-2',
  nodeName: 'node-2',
  peerAddresses: ['/ip4/10.0.0.2/tcp/7420'],
  beatAddresses: ['10.0.0.2:7420'],
  apiAddresses: ['https://10.0.0.2:6443'],
  beatKey: 'A'.repeat(43),
  admittedBy: '',
};
const secret = new Uint8Array(16).fill(9);
const exporter = new Uint8Array(32).fill(1);
/** Stands for Ed25519: signing is naming oneself. */
const sign = () => new TextEncoder().encode('peer-2');
const request = proveJoinRequest({ id: 'tokenid', secret }, exporter, member, sign);
const facts: JoinFacts = {
  token: { secret: Buffer.from(secret).toString('base64url'), expiresAt: '2026-01-02T00:00:00Z' },
  underWay: undefined,
  members: [{ ...member, peerId: 'peer-1', nodeName: 'node-1' }],
  exporter,
  now: Date.parse('2026-01-01T00:00:00Z'),
  verify: (peer, _, signature) => new TextDecoder().decode(signature) === peer,
};
const codeOf = (verdict: object) => (verdict as { refused?: { code: string } }).refused?.code;

describe('the judgement of a request to join', () => {
  it('accepts one whose token, secret, signature and name are right', () => {
    expect(parseJoinRequest(JSON.parse(JSON.stringify(request)))).toEqual({ accepted: request });
    expect(judgeJoinRequest(request, facts)).toEqual({ accepted: member });
  });

  it('refuses each wrong with its own reason', () => {
    const judge = (changes: Partial<JoinFacts>, given = request) => codeOf(judgeJoinRequest(given, { ...facts, ...changes }));
    expect(judge({ token: undefined })).toBe('UnknownToken');
    expect(judge({ token: { ...facts.token!, secret: 'AAAAAAAAAAAAAAAAAAAAAA' } })).toBe('WrongSecret');
    expect(judge({ exporter: new Uint8Array(32).fill(2) })).toBe('WrongSecret');
    expect(judge({}, { ...request, mac: '' })).toBe('WrongSecret');
    expect(judge({}, { ...request, member: { ...member, nodeName: 'node-9' } })).toBe('WrongSecret');
    expect(judge({}, { ...request, signature: 'AAAA' })).toBe('WrongSecret');
    expect(judge({ verify: () => false })).toBe('WrongSignature');
    expect(judge({ now: Date.parse('2026-01-02T00:00:00Z') })).toBe('TokenExpired');
    expect(judge({ token: { ...facts.token!, expiresAt: 'rubbish' } })).toBe('TokenExpired');
    expect(judge({ token: { ...facts.token!, usedBy: 'peer-9' } })).toBe('TokenUsed');
    expect(judge({ underWay: 'peer-9' })).toBe('TokenUsed');
    expect(judge({ members: [{ ...member, peerId: 'peer-9' }] })).toBe('NameTaken');
  });

  it('tells who does not know the secret nothing about the token', () => {
    const stranger = proveJoinRequest({ id: 'tokenid', secret: new Uint8Array(16) }, exporter, member, sign);
    const used = { ...facts.token!, usedBy: 'peer-9', expiresAt: '2020-01-01T00:00:00Z' };
    expect(codeOf(judgeJoinRequest(stranger, { ...facts, token: used }))).toBe('WrongSecret');
  });

  it('lets the same peer use its token again, and a member join again under its name', () => {
    const again = { ...facts, token: { ...facts.token!, usedBy: 'peer-2' }, underWay: 'peer-2', members: [member] };
    expect(judgeJoinRequest(request, again)).toEqual({ accepted: member });
  });

  it('refuses members that others could not use', () => {
    const judge = (changes: Partial<MemberSpec>) =>
      codeOf(judgeJoinRequest(proveJoinRequest({ id: 'tokenid', secret }, exporter, { ...member, ...changes }, sign), facts));
    expect(judge({ nodeName: 'Node_2' })).toBe('BadName');
    expect(judge({ nodeName: '' })).toBe('BadName');
    expect(judge({ beatKey: 'short' })).toBe('Malformed');
    expect(judge({ peerAddresses: [] })).toBe('Malformed');
  });

  it('takes no request of another version or shape, and nothing unbounded', () => {
    expect(codeOf(parseJoinRequest({ ...request, version: 2 }))).toBe('UnknownVersion');
    expect(codeOf(parseJoinRequest({}))).toBe('UnknownVersion');
    const shapes: unknown[] = [
      null,
      'text',
      { ...request, member: null },
      { ...request, token: 7 },
      { ...request, token: '../x' },
      { ...request, mac: 'x'.repeat(1000) },
      { ...request, member: { ...member, nodeName: 'x'.repeat(300) } },
      { ...request, member: { ...member, apiAddresses: Array(17).fill('https://h:1') as string[] } },
      { ...request, member: { ...member, peerAddresses: [7] } },
      { ...request, member: { ...member, peerAddresses: ['x'.repeat(301)] } },
    ];
    for (const shape of shapes) expect(codeOf(parseJoinRequest(shape)), JSON.stringify(shape)).toBe('Malformed');
  });

  it('drops fields that it does not know', () => {
    const parsed = parseJoinRequest({ ...request, extra: 1, member: { ...member, root: true } });
    expect(parsed).toEqual({ accepted: request });
  });
});

describe('attempts to join', () => {
  it('are limited per address and in all, for a minute', () => {
    const attempts = new JoinAttempts();
    const allowed = (address: string, count: number, now: number) =>
      Array.from({ length: count }, () => attempts.allow(address, now)).filter(Boolean).length;
    expect(allowed('a', MAX_ATTEMPTS_PER_ADDRESS + 5, 0)).toBe(MAX_ATTEMPTS_PER_ADDRESS);
    expect(allowed('b', 1, 0)).toBe(1);
    let all = MAX_ATTEMPTS_PER_ADDRESS + 1;
    for (let index = 0; index < MAX_ATTEMPTS; index++) all += allowed(`c${index}`, 1, 1);
    expect(all).toBe(MAX_ATTEMPTS);
    expect(allowed('a', 1, ATTEMPT_WINDOW_MS)).toBe(1);
  });

  it('count by address, whatever the port', () => {
    expect(addressOf('10.0.0.1:5000')).toBe('10.0.0.1');
    expect(addressOf('::ffff:10.0.0.1:5000')).toBe('10.0.0.1');
    expect(addressOf('fe80::1:5000')).toBe('fe80::1');
    expect(addressOf('')).toBe('');
  });
});

describe('a drafted token', () => {
  it('says the same in the object and in the text', () => {
    const random = { next: () => 0.5, bytes: (length: number) => new Uint8Array(length).fill(3) };
    const now = 1_800_000_000_123;
    const { id, spec, text } = draftJoinToken({ rootHash: 'cd'.repeat(32), addresses: ['https://h:1'] }, random, now);
    const decoded = decodeJoinToken(text);
    expect(decoded).toMatchObject({ id, rootHash: 'cd'.repeat(32), addresses: ['https://h:1'] });
    expect(Buffer.from(decoded.secret).toString('base64url')).toBe(spec.secret);
    expect(Date.parse(spec.expiresAt)).toBe(decoded.expiresAt);
    expect(now + DEFAULT_TOKEN_LIFETIME_MS - decoded.expiresAt).toBeLessThan(1000);
  });
});
