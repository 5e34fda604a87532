import { compilePath } from '../../protocol/values/jsonpath.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { asUsage } from './usage.ts';

export interface CustomColumn {
  header: string;
  find: (object: unknown) => unknown[];
}

/** `NAME:.metadata.name,NODE:.spec.nodeName`. @throws CliError in kubectl's words */
export function parseCustomColumns(spec: string): CustomColumn[] {
  if (spec === '') throw new CliError('custom-columns format specified but no custom columns given', EXIT_USAGE);
  return splitOutsideBrackets(spec).map((part) => {
    const colon = part.indexOf(':');
    const [header, path] = [part.slice(0, colon), part.slice(colon + 1)];
    if (colon < 1 || path === '')
      throw new CliError(
        `unexpected custom-columns spec: ${part}, expected <header>:<json-path-expr>, as in NAME:.metadata.name`,
        EXIT_USAGE,
      );
    return { header, find: asUsage(() => compilePath(path)) };
  });
}

/** A filter may have commas in it. */
function splitOutsideBrackets(spec: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of spec) {
    if (character === '[') depth += 1;
    if (character === ']') depth -= 1;
    if (character === ',' && depth <= 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts;
}

export function customCells(columns: readonly CustomColumn[], object: unknown): string[] {
  return columns.map(({ find }) => {
    const found = find(object);
    return found.length === 0 ? '<none>' : found.map(goText).join(',');
  });
}

/** As Go prints it, and so kubectl: scripts take such cells apart. */
function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `map[${members.map(([key, member]) => `${key}:${goText(member)}`).join(' ')}]`;
}
