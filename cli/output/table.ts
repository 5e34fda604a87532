import { formatColumns } from './columns.ts';

/** A Kubernetes Table (meta.k8s.io/v1) as the API answers it. */
export interface Table {
  kind: string;
  metadata?: { resourceVersion?: string };
  columnDefinitions?: { name: string; priority?: number }[];
  rows?: TableRow[];
}

export interface TableRow {
  cells: unknown[];
  object?: { metadata?: { name?: string; namespace?: string; labels?: Record<string, string> } };
}

export interface TableOptions {
  wide: boolean;
  /** Adds the NAMESPACE column. */
  namespaces: boolean;
  /** Labels that have columns of their own. */
  labelColumns?: readonly string[];
  showLabels: boolean;
  headers: boolean;
  /** Puts `deployment.apps/` before each name: several kinds are shown at once. */
  namePrefix?: string;
  /** Widths of the lines before, for a watch; changed to those of these. */
  widths?: number[];
}

/** @returns text of the table; the column definitions of watch events may come with the first event only, so they are a parameter. */
export function formatTable(
  definitions: readonly { name: string; priority?: number }[],
  rows: readonly TableRow[],
  options: TableOptions,
): string {
  const shown = definitions
    .map((definition, index) => ({ definition, index }))
    .filter(({ definition }) => options.wide || (definition.priority ?? 0) === 0);
  const headers = shown.map(({ definition }) => definition.name);
  const cells = rows.map((row) =>
    shown.map(({ definition, index }) => {
      const text = cellText(row.cells[index]);
      return definition.name === 'Name' && options.namePrefix !== undefined ? options.namePrefix + text : text;
    }),
  );
  if (options.namespaces) {
    headers.unshift('Namespace');
    rows.forEach((row, index) => cells[index]?.unshift(row.object?.metadata?.namespace ?? ''));
  }
  for (const label of options.labelColumns ?? []) {
    headers.push(label.slice(label.lastIndexOf('/') + 1));
    rows.forEach((row, index) => cells[index]?.push(row.object?.metadata?.labels?.[label] ?? ''));
  }
  if (options.showLabels) {
    headers.push('Labels');
    rows.forEach((row, index) => cells[index]?.push(labelsText(row.object?.metadata?.labels)));
  }
  return formatColumns(headers, cells, options.headers, options.widths);
}

export function labelsText(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
  return pairs.length === 0 ? '<none>' : pairs.map(([key, value]) => `${key}=${value}`).join(',');
}

function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  return typeof cell === 'string' ? cell : JSON.stringify(cell);
}
