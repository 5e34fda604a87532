import { expect, it } from 'vitest';
import { yamlText } from '../../cli/output/print.ts';

it('prints YAML as kubectl does: keys in order, lists not indented, and in quotes what YAML 1.1 takes for something else than text', () => {
  const object = { spec: { words: ['yes', { b: '1:20', a: '~' }] }, kind: 'Pod', metadata: { creationTimestamp: '2026-01-01T00:00:00Z' } };
  expect(yamlText(object)).toBe(
    'kind: Pod\nmetadata:\n  creationTimestamp: "2026-01-01T00:00:00Z"\nspec:\n  words:\n  - "yes"\n  - a: "~"\n    b: "1:20"\n',
  );
});
