import { describe, expect, it } from 'vitest';
import { formatTable } from '../../cli/output/table.ts';

const definitions = [{ name: 'Name' }, { name: 'Ready' }, { name: 'Node', priority: 1 }];
const rows = [
  { cells: ['web', '1/1', 'host-1'], object: { metadata: { namespace: 'default', labels: { b: '2', a: '1' } } } },
  { cells: ['a-longer-name', '0/1', null], object: { metadata: { namespace: 'kube-system' } } },
];
const plain = { wide: false, namespaces: false, showLabels: false, headers: true };

describe('tables', () => {
  it('line up as kubectl has them, without trailing blanks', () => {
    expect(formatTable(definitions, rows, plain)).toBe('NAME            READY\nweb             1/1\na-longer-name   0/1\n');
  });
  it('show wide columns, namespaces and labels when asked', () => {
    const text = formatTable(definitions, rows, { ...plain, wide: true, namespaces: true, showLabels: true });
    expect(text.split('\n')[0]).toBe('NAMESPACE     NAME            READY   NODE     LABELS');
    expect(text).toContain('default       web             1/1     host-1   a=1,b=2');
    expect(text).toContain('<none>');
  });
  it('of a watch line up with what was printed before', () => {
    const widths: number[] = [];
    const [long, short] = [rows[1]!, rows[0]!];
    formatTable(definitions, [long], { ...plain, widths });
    expect(formatTable(definitions, [short], { ...plain, headers: false, widths })).toBe('web             1/1\n');
  });
  it('put the kind before names when several kinds are shown', () => {
    expect(formatTable(definitions, rows, { ...plain, namePrefix: 'pod/' })).toContain('pod/web');
  });
});
