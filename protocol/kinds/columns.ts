import type { KubeObject } from '../objects.ts';
import type { LabelSelector, PodTemplateSpec } from '../types.ts';
import { ageSince } from '../values/duration.ts';
import { formatSelector, selectorOf } from '../values/label-selector.ts';
import type { TableColumn } from './kind.ts';

/** Columns that several kinds have. Names and cells are upstream's (pkg/printers/internalversion). */

export const NONE = '<none>';
export const UNKNOWN = '<unknown>';

type Cell = TableColumn['cell'];

export function column(name: string, description: string, cell: Cell, more: Partial<Omit<TableColumn, 'name' | 'cell'>> = {}): TableColumn {
  return { name, type: 'string', priority: 0, ...more, description, cell };
}

/** Shown with `-o wide` only. */
export function wideColumn(name: string, description: string, cell: Cell): TableColumn {
  return column(name, description, cell, { priority: 1 });
}

export function integerColumn(name: string, description: string, cell: (object: KubeObject) => number): TableColumn {
  return column(name, description, cell, { type: 'integer' });
}

/** A column of a field, by its dotted path: lists are joined, what is missing is `otherwise`. */
export function fieldColumn(
  name: string,
  path: string,
  description: string,
  otherwise: string | number = '',
  priority: 0 | 1 = 0,
): TableColumn {
  const type = typeof otherwise === 'number' ? 'integer' : 'string';
  return column(
    name,
    description,
    (object) => {
      const value = fieldOf(object, path);
      if (typeof otherwise === 'number') return typeof value === 'number' ? value : otherwise;
      return textOf(value) || otherwise;
    },
    { priority, type },
  );
}

export function fieldOf(object: KubeObject, path: string): unknown {
  let value: unknown = object;
  for (const step of path.split('.'))
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[step] : undefined;
  return value;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(',');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

export const nameColumn: TableColumn = column('Name', 'Name, unique among its kind in its namespace.', (object) => object.metadata.name, {
  format: 'name',
});

export const ageColumn: TableColumn = column('Age', 'Time since it was created.', (object, now) =>
  ageSince(object.metadata.creationTimestamp, now),
);

/** What upstream shows of kinds that it has no printer for. */
export const createdColumn: TableColumn = column('Created At', 'When it was created.', ({ metadata }) => metadata.creationTimestamp, {
  type: 'date',
});

/** Containers, images and selector of a workload. */
export function workloadColumns(selectorOfObject: (object: KubeObject) => string): TableColumn[] {
  return [
    wideColumn('Containers', 'Names of the containers of the template.', (object) => joinContainers(object, (container) => container.name)),
    wideColumn('Images', 'Images of the containers of the template.', (object) =>
      joinContainers(object, (container) => container.image ?? ''),
    ),
    wideColumn('Selector', 'Which pods belong to it.', selectorOfObject),
  ];
}

function joinContainers(object: KubeObject, part: (container: { name: string; image?: string }) => string): string {
  const spec = object.spec as { template?: PodTemplateSpec } | undefined;
  return (spec?.template?.spec?.containers ?? []).map(part).join(',');
}

export function showLabelSelector(object: KubeObject): string {
  const selector = (object.spec as { selector?: LabelSelector } | undefined)?.selector;
  return orNone(selector === undefined ? '' : formatSelector(selectorOf(selector)));
}

export function showLabels(labels: Readonly<Record<string, string>> | undefined): string {
  return orNone(
    Object.entries(labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(','),
  );
}

export function orNone(text: string | undefined): string {
  return text === undefined || text === '' ? NONE : text;
}
