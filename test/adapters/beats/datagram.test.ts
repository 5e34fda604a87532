import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../daemon/adapters/beats/addresses.ts';
import {
  claimedSender,
  decodeBeatBody,
  encodeBeatBody,
  NO_NONCE,
  openDatagram,
  sealDatagram,
  senderTag,
} from '../../../daemon/adapters/beats/datagram.ts';
import { beatPublicKey, pairKey, rawPrivateKey } from '../../../daemon/adapters/beats/keys.ts';
import { ReplayWindow } from '../../../daemon/adapters/beats/replay.ts';

const key = new Uint8Array(32).fill(7);
const beat = { kind: 'beat' as const, incarnation: 3, sequence: 2 ** 33, nonce: NO_NONCE };
const state = { incarnation: 3, term: 2, leader: 'L', lagMs: 5, suspects: [{ peer: 'S', incarnation: 1 }] };

describe('a liveness datagram', () => {
  it('has these bytes', () => {
    const sealed = sealDatagram(senderTag('A'), key, { ...beat, body: encodeBeatBody(state) });
    const header = '0101' + '559aead08264d579' + '000000000003' + '000200000000' + NO_NONCE;
    const body = 'a4636c616705647465726d02666c6561646572614c6873757370656374738182615301';
    expect(sealed.toString('hex')).toBe(`${header}${body}9399af899eff1587d23d74b510a79186`);
  });

  it('is opened by the same key only, and only unchanged', () => {
    const sealed = sealDatagram(senderTag('A'), key, { ...beat, body: encodeBeatBody(state) });
    expect(claimedSender(sealed)).toBe(senderTag('A'));
    const opened = openDatagram(key, sealed)!;
    expect(opened).toMatchObject(beat);
    expect(decodeBeatBody(3, opened.body)).toEqual(state);
    expect(openDatagram(new Uint8Array(32).fill(8), sealed)).toBeUndefined();
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index] = changed[index]! ^ 1;
      expect(openDatagram(key, changed)).toBeUndefined();
    }
  });

  it('of another version, or cut short, is nobody’s', () => {
    const sealed = sealDatagram(senderTag('A'), key, { ...beat, body: new Uint8Array() });
    expect(claimedSender(sealed.subarray(0, sealed.length - 1))).toBeUndefined();
    sealed[0] = 2;
    expect(claimedSender(sealed)).toBeUndefined();
    expect(claimedSender(Buffer.alloc(2_000, 1))).toBeUndefined();
  });

  it('with a strange body carries no state', () => {
    expect(decodeBeatBody(1, Uint8Array.of(0xf6))).toBeUndefined();
    expect(decodeBeatBody(1, Uint8Array.of(0xff))).toBeUndefined();
    expect(decodeBeatBody(1, encodeBeatBody({ ...state, term: -1 }))).toBeUndefined();
  });
});

describe('the key of a pair', () => {
  it('is the same on both sides, and another for each pair', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((id) => {
      const { privateKey } = generateKeyPairSync('x25519');
      return { id, secret: rawPrivateKey(privateKey), open: beatPublicKey(privateKey) };
    });
    const ab = pairKey(a!.secret, 'a', 'b', b!.open);
    expect(pairKey(b!.secret, 'b', 'a', a!.open)).toEqual(ab);
    expect(pairKey(a!.secret, 'a', 'c', c!.open)).not.toEqual(ab);
    // The last one would give a secret that everybody knows.
    for (const none of ['', 'AAAA', 'A'.repeat(44), Buffer.alloc(32).toString('base64url')])
      expect(() => pairKey(a!.secret, 'a', 'b', none)).toThrow('beat key of member b');
  });
});

describe('the replay window', () => {
  it('takes each number once, in any order within the window', () => {
    const window = new ReplayWindow();
    expect([5, 3, 5, 4, 3, 70, 5, 7].map((sequence) => window.take(1, sequence))).toEqual([
      true,
      true,
      false,
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  it('takes nothing of an incarnation before the greatest', () => {
    const window = new ReplayWindow();
    expect([window.take(2, 1), window.take(1, 9), window.take(3, 1), window.take(2, 2)]).toEqual([true, false, true, false]);
  });
});

describe('an address of beats', () => {
  it.each([
    ['10.0.0.1:7420', { host: '10.0.0.1', port: 7420 }],
    ['[fd00::1]:7420', { host: 'fd00::1', port: 7420 }],
    ['host-1:1', { host: 'host-1', port: 1 }],
    ['host-1', undefined],
    ['host-1:0', undefined],
    ['host-1:70000', undefined],
    ['fd00::1:7420', undefined],
  ])('%s', (text, expected) => expect(parseAddress(text)).toEqual(expected));
});
