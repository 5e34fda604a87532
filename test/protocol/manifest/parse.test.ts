import { describe, expect, it } from 'vitest';
import { formatManifestError, splitFieldPath } from '../../../protocol/manifest/document.ts';
import { MANIFEST_LIMITS } from '../../../protocol/manifest/limits.ts';
import { parseManifest } from '../../../protocol/manifest/parse.ts';

function values(text: string): unknown[] {
  const parsed = parseManifest(text, 'f.yaml');
  expect(parsed.errors).toEqual([]);
  return parsed.documents.map((document) => document.value);
}

function errors(text: string): string[] {
  return parseManifest(text, 'f.yaml').errors.map(formatManifestError);
}

describe('a manifest', () => {
  it('may hold many documents; empty ones are skipped', () => {
    expect(values('# only a comment\n---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n')).toEqual([{ a: 1 }, { b: 2 }]);
    expect(values('')).toEqual([]);
  });

  it('may be JSON, with tabs', () => {
    expect(values('{\n\t"kind": "Pod",\n\t"list": [1, true, null, "x"]\n}\n')).toEqual([{ kind: 'Pod', list: [1, true, null, 'x'] }]);
  });

  it('knows the line of every field', () => {
    const text = [
      'apiVersion: v1',
      'kind: Pod',
      'metadata:',
      '  labels:',
      '    app.kubernetes.io/name: web',
      'spec:',
      '  containers:',
      '  - name: a',
    ];
    text.push('    image: b', '---', 'kind: Pod', 'spec: {}');
    const [first, second] = parseManifest(text.join('\n'), 'nginx.yaml').documents;
    expect(first?.line).toBe(1);
    expect(first?.at('spec.containers[0].image')).toBe('nginx.yaml:9');
    expect(first?.at('spec.containers[0]')).toBe('nginx.yaml:8');
    expect(first?.at('metadata.labels[app.kubernetes.io/name]')).toBe('nginx.yaml:5');
    expect(first?.position('spec.containers[0].image')).toEqual({ line: 9, column: 5 });
    // What is not there is told where it would be.
    expect(first?.at('spec.containers[3].image')).toBe('nginx.yaml:7');
    expect(first?.at('spec.replicas')).toBe('nginx.yaml:6');
    expect(second?.at('spec.containers')).toBe('nginx.yaml:12');
  });

  it('flattens lists, and lists of lists, with their lines', () => {
    const text =
      'apiVersion: v1\nkind: List\nitems:\n- kind: A\n  spec: {x: 1}\n- kind: List\n  items:\n  - kind: B\n    spec:\n      y: 2\n';
    const { documents } = parseManifest(text, 'f.yaml');
    expect(documents.map((document) => [document.value.kind, document.line])).toEqual([
      ['A', 4],
      ['B', 8],
    ]);
    expect(documents[1]?.at('spec.y')).toBe('f.yaml:10');
    expect(values('kind: PodList\nitems: []')).toEqual([]);
  });

  it('reads scalars as Kubernetes does', () => {
    const text =
      'a: yes\nb: off\nc: "yes"\nd: 0644\ne: 12:30\nf: 2001-01-01\ng: 1_000\nh: ~\ni: 1e3\nj: 0x1f\nk: 1.10\nl: 08\nm: N\non: 1\n1.10: x';
    expect(values(text)).toEqual([
      // Keys stay as they were written.
      {
        a: true,
        b: false,
        c: 'yes',
        d: 420,
        e: '12:30',
        f: '2001-01-01',
        g: '1_000',
        h: null,
        i: 1000,
        j: 31,
        k: 1.1,
        l: 8,
        m: false,
        on: 1,
        '1.10': 'x',
      },
    ]);
  });

  it('expands anchors and merges', () => {
    expect(values('x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\nz: *x')).toEqual([
      { x: { a: 1, b: 2 }, y: { a: 1, b: 3 }, z: { a: 1, b: 2 } },
    ]);
  });

  it.each([
    ['a duplicate key', 'a: 1\nb: 2\na: 3', /^f\.yaml:3: found duplicate key "a"$/],
    ['a duplicate key in JSON', '{"a": 1,\n "a": 2}', /^f\.yaml:2: found duplicate key "a"$/],
    ['text that is no YAML', 'a: 1\n b: 2', /^f\.yaml:1: error parsing YAML: /],
    ['a half-written file', 'kind: Pod\nmetadata:\n  name: x\n spec', /^f\.yaml:4: error parsing YAML: /],
    ['text that is no object', 'hello', /^f\.yaml:1: expected an object, found a string$/],
    ['a list without a kind', '- a\n- b', /^f\.yaml:1: expected an object, found a list$/],
    ['a list that is nothing', 'kind: List', /^f\.yaml:1: items: a list needs its items$/],
    ['a number that JSON lacks', 'x: 1\na: .inf', /^f\.yaml:2: a value is neither/],
    ['an anchor in itself', 'a: &a [*a]', /contains itself/],
    ['an unknown anchor', 'a: *b', /^f\.yaml:1: /],
    ['a key that changes objects', '__proto__: {a: 1}', /"__proto__" is not allowed/],
  ])('with %s is refused with its line', (_what, text, message) => {
    const parsed = parseManifest(text, 'f.yaml');
    expect(parsed.documents).toEqual([]);
    expect(formatManifestError(parsed.errors[0]!)).toMatch(message);
  });

  it('still gives its other documents when one is bad', () => {
    const parsed = parseManifest('a: 1\na: 2\n---\nb: 1\n', 'f.yaml');
    expect(parsed.documents.map((document) => document.value)).toEqual([{ b: 1 }]);
    expect(parsed.errors).toHaveLength(1);
  });
});

describe('a hostile manifest', () => {
  it('of 10 MB is refused without being parsed', () => {
    expect(errors('a: 1\n'.repeat(2_000_000))).toEqual(['f.yaml: the manifest is larger than 3 MiB: split it into several files']);
  });

  it('of a billion laughs is refused at the alias that is too much', () => {
    const row = (name: string, of: string): string => `${name}: &${name} [${new Array(10).fill(of).join(',')}]`;
    const text = [row('a', 'x'), row('b', '*a'), row('c', '*b'), row('d', '*c'), row('e', '*d'), row('f', '*e')].join('\n');
    expect(errors(text)[0]).toMatch(/^f\.yaml:[2-6]: has more than 500000 values, with aliases expanded$/);
  });

  it.each([
    ['brackets', '['.repeat(100_000)],
    ['dashes', '- '.repeat(20_000)],
    ['blocks', Array.from({ length: 200 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')],
  ])('of deep %s is refused', (_what, text) => {
    expect(errors(text)[0]).toMatch(/nested more than 64 levels deep/);
  });

  it('of too many documents is refused, in a list too', () => {
    expect(errors('---\na: 1\n'.repeat(MANIFEST_LIMITS.documents + 5))[0]).toMatch(/more than 1000 documents/);
    const list = `kind: List\nitems:\n${'- kind: A\n'.repeat(MANIFEST_LIMITS.documents + 5)}`;
    expect(errors(list)).toEqual(['f.yaml:1003: the manifest has more than 1000 documents: split it into several files']);
  });

  it('with thousands of aliases or keys takes linear time', () => {
    const aliases = `x: &x 1\n${Array.from({ length: 20_000 }, (_, index) => `k${index}: *x`).join('\n')}`;
    expect(Object.keys(values(aliases)[0] as object)).toHaveLength(20_001);
  });
});

describe('field paths', () => {
  it('are split at dots and brackets', () => {
    expect(splitFieldPath('spec.containers[0].image')).toEqual(['spec', 'containers', '0', 'image']);
    expect(splitFieldPath('metadata.labels[a.b/c]')).toEqual(['metadata', 'labels', 'a.b/c']);
    expect(splitFieldPath('')).toEqual([]);
  });
});
