import { stringify } from 'yaml';
import { compileJsonPath } from '../../protocol/values/jsonpath.ts';
import { CliError, EXIT_FAILED, EXIT_USAGE } from '../errors.ts';
import { formatColumns } from './columns.ts';
import { customCells, parseCustomColumns, type CustomColumn } from './custom-columns.ts';
import { asUsage } from './usage.ts';

/** How `-o` asks for objects; `table` and `wide` are printed by the server's columns. */
export type OutputFormat =
  | { type: 'table'; wide: boolean }
  | { type: 'yaml' }
  | { type: 'json' }
  | { type: 'name' }
  | { type: 'jsonpath'; print: (object: unknown) => string }
  | { type: 'columns'; columns: readonly CustomColumn[] };

export type ObjectFormat = Exclude<OutputFormat, { type: 'table' }>;

const FORMATS = 'wide, yaml, json, name, jsonpath=TEMPLATE or custom-columns=HEADER:PATH,...';

/** Checked before anything is asked of the server. @throws CliError */
export function parseOutputFormat(text: string | undefined): OutputFormat {
  if (text === undefined || text === '') return { type: 'table', wide: false };
  if (text === 'wide') return { type: 'table', wide: true };
  if (text === 'yaml' || text === 'json' || text === 'name') return { type: text };
  const jsonpath = /^jsonpath=(.*)$/s.exec(text);
  if (jsonpath !== null) {
    const template = stripQuotes(jsonpath[1] ?? '');
    if (template === '') throw new CliError('template format specified but no template given', EXIT_USAGE);
    const print = asUsage(() => compileJsonPath(template));
    return { type: 'jsonpath', print: (object) => asUsage(() => print(object), EXIT_FAILED) };
  }
  const custom = /^custom-columns=(.*)$/s.exec(text);
  if (custom !== null) return { type: 'columns', columns: parseCustomColumns(custom[1] ?? '') };
  throw new CliError(`-o ${text}: expected ${FORMATS}`, EXIT_USAGE);
}

export interface Printable {
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string };
}

/** One object as `-o` asks for it; a list of objects is passed as a `List`. `nameOf` gives `pod/web`; `table` is for columns. */
export function formatObject(
  format: ObjectFormat,
  object: Printable,
  nameOf: (object: Printable) => string,
  table: { headers: boolean; widths?: number[] } = { headers: true },
): string {
  const items = (object as { items?: Printable[] }).items ?? [object];
  switch (format.type) {
    case 'json':
      return `${JSON.stringify(withoutOwners(object), null, 4)}\n`;
    case 'yaml':
      return yamlText(withoutOwners(object));
    case 'jsonpath':
      return format.print(object);
    case 'name':
      return items.map((item) => `${nameOf(item)}\n`).join('');
    case 'columns':
      return columnsText(format.columns, items, table);
  }
}

/** Headers as they were given. */
function columnsText(
  columns: readonly CustomColumn[],
  items: readonly Printable[],
  { headers, widths }: { headers: boolean; widths?: number[] },
): string {
  const names = columns.map(({ header }) => header);
  const rows = items.map((item) => customCells(columns, item));
  return formatColumns(names, headers ? [names, ...rows] : rows, false, widths);
}

/** Who owns which fields is a machine's business, and longer than the rest: as kubectl does, it is left out. */
function withoutOwners(object: Printable): Printable {
  const { items } = object as { items?: Printable[] };
  if (items !== undefined) return { ...object, items: items.map(withoutOwners) } as Printable;
  if (object.metadata === undefined || !('managedFields' in object.metadata)) return object;
  const { managedFields: _owners, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
}

/**
 * YAML as kubectl prints it: keys in order, lists not indented, and what YAML 1.1 would take for a time, a number or a boolean in quotes, since most other programs
 * read that.
 */
export function yamlText(value: unknown): string {
  return stringify(value, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false, indentSeq: false, sortMapEntries: true });
}

function stripQuotes(text: string): string {
  return /^(['"]).*\1$/s.test(text) ? text.slice(1, -1) : text;
}
