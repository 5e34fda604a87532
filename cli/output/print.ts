import { stringify } from 'yaml';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { KithError } from '../../protocol/errors.ts';
import { evaluateJsonPath } from '../../protocol/values/jsonpath.ts';

/** How `-o` asks for objects; `table` and `wide` are printed by the server's columns. */
export type OutputFormat =
  { type: 'table'; wide: boolean } | { type: 'yaml' } | { type: 'json' } | { type: 'name' } | { type: 'jsonpath'; template: string };

export function parseOutputFormat(text: string | undefined): OutputFormat {
  if (text === undefined || text === '') return { type: 'table', wide: false };
  if (text === 'wide') return { type: 'table', wide: true };
  if (text === 'yaml' || text === 'json' || text === 'name') return { type: text };
  const jsonpath = /^jsonpath=(.*)$/s.exec(text);
  if (jsonpath !== null) return { type: 'jsonpath', template: stripQuotes(jsonpath[1] ?? '') };
  throw new CliError(`-o ${text}: expected wide, yaml, json, name or jsonpath=TEMPLATE`, EXIT_USAGE);
}

export interface Printable {
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string };
}

/** One object as `-o` asks for it; a list of objects is passed as a `List`. `nameOf` gives `pod/web`. */
export function formatObject(
  format: Exclude<OutputFormat, { type: 'table' }>,
  object: Printable,
  nameOf: (object: Printable) => string,
): string {
  switch (format.type) {
    case 'json':
      return `${JSON.stringify(withoutOwners(object), null, 4)}\n`;
    case 'yaml':
      return yamlText(withoutOwners(object));
    case 'jsonpath':
      return jsonPathText(format.template, object);
    case 'name': {
      const items = (object as { items?: Printable[] }).items;
      return (items ?? [object]).map((item) => `${nameOf(item)}\n`).join('');
    }
  }
}

/** Who owns which fields is a machine's business, and longer than the rest: as kubectl does, it is left out. */
function withoutOwners(object: Printable): Printable {
  const { items } = object as { items?: Printable[] };
  if (items !== undefined) return { ...object, items: items.map(withoutOwners) } as Printable;
  if (object.metadata === undefined || !('managedFields' in object.metadata)) return object;
  const { managedFields: _owners, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
}

function jsonPathText(template: string, object: Printable): string {
  try {
    return evaluateJsonPath(template, object);
  } catch (error) {
    if (error instanceof KithError) throw new CliError(error.message, EXIT_USAGE);
    throw error;
  }
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
