import { describe, expect, it } from 'vitest';
import { evaluateJsonPath } from '../../../protocol/values/jsonpath.ts';

const pods = {
  kind: 'List',
  items: [
    { metadata: { name: 'a', labels: { app: 'web', 'kith.dev/tier': 'front' } }, status: { podIP: '10.0.0.1', restarts: 0 } },
    { metadata: { name: 'b', labels: { app: 'db' } }, status: { podIP: '10.0.0.2', restarts: 4 } },
    { metadata: { name: 'c' }, status: {} },
  ],
};

describe('jsonpath as kubectl has it', () => {
  it.each([
    ['{.items[*].metadata.name}', 'a b c'],
    ['.items[*].metadata.name', 'a b c'],
    ['{.items[0].metadata.name}', 'a'],
    ['{.items[-1].metadata.name}', 'c'],
    ['{.items[0:2].metadata.name}', 'a b'],
    ["{.items[0].metadata.labels['kith.dev/tier']}", 'front'],
    ['{.items[0].metadata.labels.kith\\.dev/tier}', 'front'],
    ['{..podIP}', '10.0.0.1 10.0.0.2'],
    ['{.items[?(@.metadata.name=="b")].status.podIP}', '10.0.0.2'],
    ['{.items[?(@.status.restarts>3)].metadata.name}', 'b'],
    ['{.items[?(@.metadata.labels)].metadata.name}', 'a b'],
    ['{range .items[*]}{.metadata.name}{"\\t"}{.status.podIP}{"\\n"}{end}', 'a\t10.0.0.1\nb\t10.0.0.2\nc\t\n'],
    ['name: {.items[1].metadata.name}!', 'name: b!'],
    ['{.items[0].metadata.labels}', '{"app":"web","kith.dev/tier":"front"}'],
    ['{.nothing.here}', ''],
    ['{$.kind}', 'List'],
  ])('%s', (template, expected) => {
    expect(evaluateJsonPath(template, pods)).toBe(expected);
  });

  it.each(['{.items[', '{range .items[*]}{.x}', '{end}', '{.items[?(@.a==x)]}'])('says what is wrong with %s', (template) => {
    expect(() => evaluateJsonPath(template, pods)).toThrow(/^jsonpath /);
  });
});
