import fc from 'fast-check';
import { expect, it } from 'vitest';
import { duplicateFields } from '../../../protocol/schema/duplicate-fields.ts';

it('finds fields that are named twice, by their path', () => {
  const text = '{"a":1,"spec":{"replicas":1,"list":[{"x":1},{"x":1,"y":"{\\"x\\":1,","x":2}],"replicas":2,"a":{}},"a":2}';
  expect(duplicateFields(text)).toEqual(['spec.list[1].x', 'spec.replicas', 'a']);
  expect(duplicateFields('{"\\u0061":1,"a":2}')).toEqual(['a']);
});

it('finds none in what a program has written', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(duplicateFields(JSON.stringify(value))).toEqual([]);
    }),
  );
});
