import { encode, rfc8949EncodeOptions } from 'cborg';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeDeterministic } from '../../../protocol/wire/cbor.ts';

it('maps are in the bytewise order of their encoded keys, whatever these are', () => {
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.double({ noNaN: true }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array(),
      fc.array(tie('tree')),
      fc.dictionary(fc.oneof(fc.string({ unit: 'binary', maxLength: 4 }), fc.string({ minLength: 22, maxLength: 300 })), tie('tree')),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      expect(encodeDeterministic(value)).toEqual(encode(value, rfc8949EncodeOptions));
    }),
    { numRuns: 40 },
  );
});
