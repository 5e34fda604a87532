import { deflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { SPDY_DICTIONARY, SPDY_DICTIONARY_ID } from '../../../daemon/api/streaming/spdy-dictionary.ts';
import { HeaderPacker, HeaderUnpacker } from '../../../daemon/api/streaming/spdy-headers.ts';
import { adler32 } from './support/adler.ts';

it('has the dictionary of the specification', () => {
  expect(SPDY_DICTIONARY.byteLength).toBe(1423);
  expect(adler32(SPDY_DICTIONARY)).toBe(SPDY_DICTIONARY_ID);
  // zlib writes the checksum into the head of what it packs.
  expect(deflateSync('', { dictionary: SPDY_DICTIONARY }).readUInt32BE(2)).toBe(SPDY_DICTIONARY_ID);
});

it('unpacks what it packs, block after block', async () => {
  const [packer, unpacker] = [new HeaderPacker(), new HeaderUnpacker()];
  const blocks: Record<string, string>[] = [{ streamtype: 'error' }, {}, { streamtype: 'data', port: '8080', requestid: '7' }];
  for (const headers of blocks) {
    expect(Object.fromEntries(await unpacker.unpack(packer.pack(headers)))).toEqual(headers);
  }
  unpacker.close();
});
