import { describe, expect, it } from 'vitest';
import { formatObject, parseOutputFormat, type ObjectFormat, type Printable } from '../../cli/output/print.ts';
import { sorter } from '../../cli/output/sorting.ts';
import { formatTable } from '../../cli/output/table.ts';

const print = (format: string, object: unknown, headers = true): string =>
  formatObject(parseOutputFormat(format) as ObjectFormat, object as Printable, () => '', { headers });

describe('custom columns', () => {
  const pods = { items: [{ metadata: { name: 'web', labels: { b: '2', a: '1' } }, spec: { args: ['x', 1], on: true } }, { metadata: {} }] };

  it('print as kubectl does: headers as given, <none> for what is not there, objects as Go writes them', () => {
    expect(print('custom-columns=Name:.metadata.name,L:metadata.labels,A:{.spec.args},EACH:.spec.args[*],ON:.spec.on', pods)).toBe(
      'Name     L              A        EACH     ON\n' +
        'web      map[a:1 b:2]   [x 1]    x,1      true\n' +
        '<none>   <none>         <none>   <none>   <none>\n',
    );
    expect(print('custom-columns=N:.metadata.name', { metadata: { name: 'web' } }, false)).toBe('web\n');
    expect(print('custom-columns=N:.spec[?(@=="a,b")],M:.metadata.name', { metadata: { name: 'web' }, spec: ['a,b'] }, false)).toBe(
      'a,b   web\n',
    );
  });
});

describe('sorting by a field', () => {
  const sorted = (values: unknown[], path = '.v'): unknown[] => sorter(path)(values, (v) => ({ v }));

  it('takes amounts for what they are worth, and numbers in text for numbers', () => {
    expect(sorted(['1Gi', '500Mi', '2Gi'])).toEqual(['500Mi', '1Gi', '2Gi']);
    expect(sorted([10, 9, 100], '{.v}')).toEqual([9, 10, 100]);
    expect(sorted(['web-10', 'web-2', 'db'], 'v')).toEqual(['db', 'web-2', 'web-10']);
    expect(sorted(['2026-01-02T00:00:00Z', '2025-12-31T00:00:00Z'])).toEqual(['2025-12-31T00:00:00Z', '2026-01-02T00:00:00Z']);
  });

  it('puts first what lacks it, and says so where all do', () => {
    expect(sorted(['b', undefined, 'a'])).toEqual([undefined, 'a', 'b']);
    expect(() => sorted([undefined])).toThrow(`couldn't find any field with path ".v" in the list of objects`);
    expect(sorted([])).toEqual([]);
  });
});

it('a script that asks for the first of none fails', () => {
  expect(() => print('jsonpath={.items[0].metadata.name}', { items: [] })).toThrow('array index out of bounds: index 0, length 0');
  expect(print('jsonpath={.items[*].metadata.name}', { items: [] })).toBe('');
});

it('labels may have columns of their own', () => {
  const row = { cells: ['web'], object: { metadata: { labels: { 'kubernetes.io/os': 'linux' } } } };
  const options = { wide: false, namespaces: false, showLabels: false, headers: true, labelColumns: ['kubernetes.io/os', 'tier'] };
  expect(formatTable([{ name: 'Name' }], [row], options)).toBe('NAME   OS      TIER\nweb    linux\n');
});
