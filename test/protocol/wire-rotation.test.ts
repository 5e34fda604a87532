import { encode } from 'cborg';
import { describe, expect, it } from 'vitest';
import {
  decodeRotationAnswer,
  decodeRotationRequest,
  encodeRotationAnswer,
  encodeRotationRequest,
  MAX_ROTATION_PODS,
} from '../../protocol/wire-rotation.ts';

describe('messages about rotation', () => {
  it('survive the wire, as these bytes', () => {
    expect(decodeRotationRequest(encodeRotationRequest(['a', 'b']))).toEqual(['a', 'b']);
    expect(decodeRotationAnswer(encodeRotationAnswer([]))).toEqual([]);
    expect(Buffer.from(encodeRotationRequest(['a'])).toString('hex')).toBe('a261760164706f6473816161');
    expect(Buffer.from(encodeRotationAnswer(['a'])).toString('hex')).toBe('a26176016573' + '74696c6c816161');
    const most = Array.from({ length: MAX_ROTATION_PODS }, (_, index) => `${index}`.padStart(36, '0'));
    expect(decodeRotationRequest(encodeRotationRequest(most))).toEqual(most);
  });

  it('are refused when they are malformed, too many or of another version', () => {
    for (const bytes of [
      new Uint8Array([0xff]),
      encode({ v: 1 }),
      encode({ v: 1, pods: [1] }),
      encode({ v: 1, pods: Array.from({ length: MAX_ROTATION_PODS + 1 }, () => 'a') }),
      new Uint8Array(200_000),
    ])
      expect(() => decodeRotationRequest(bytes)).toThrow(/malformed/);
    expect(() => decodeRotationAnswer(encode({ v: 2, still: [] }))).toThrow(/version 2; this peer speaks 1/);
  });
});
