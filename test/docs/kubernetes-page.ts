import { apiVersionOf, type KindDefinition, type Verb } from '../../protocol/kinds/kind.ts';
import { containerSchema } from '../../protocol/kinds/container.ts';
import { podSpecSchema } from '../../protocol/kinds/pod-spec.ts';
import { servedKinds } from '../../protocol/kinds/registry.ts';
import type { ObjectSchema, Schema } from '../../protocol/schema/schema.ts';

/** What docs/kubernetes.md says, read off the code, so that it can't say anything else. */
const VERBS: readonly Verb[] = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];
const WORDS = { honoured: 'supported', stored: 'warned of', refused: 'refused' } as const;
/** Levels of a pod's fields that have lines of their own. */
const MAX_DEPTH = 4;

export function kubernetesTables(): string {
  const kinds = servedKinds();
  return [
    '## Kinds and verbs',
    '',
    table(
      ['kind', 'apiVersion', ...VERBS, 'subresources', 'read as well', 'what does not happen yet (a write warns of it)'],
      kinds.map(kindRow),
    ),
    '',
    '## Fields of a Pod',
    '',
    table(['field of `spec`', 'is', 'because'], fieldRows(withoutContainers(podSpecSchema), 'spec', 1)),
    '',
    '## Fields of a container',
    '',
    table(['field of `spec.containers[]`', 'is', 'because'], fieldRows(containerSchema, '', 1)),
    '',
  ].join('\n');
}

function kindRow(kind: KindDefinition): string[] {
  const verbs = VERBS.map((verb) => (kind.verbs.includes(verb) ? 'yes' : ''));
  const aliases = (kind.aliases ?? []).map(({ apiVersion }) => apiVersion);
  return [
    `${kind.kind}${kind.internal === true ? ' (Kith’s own)' : ''}`,
    apiVersionOf(kind),
    ...verbs,
    kind.subresources.join(', '),
    aliases.join(', '),
    kind.noEffect ?? '',
  ];
}

/** A field with a word of its own has a line; what is inside of a supported one is looked at, too. */
function fieldRows(schema: ObjectSchema, path: string, depth: number): string[][] {
  return Object.entries(schema.fields).flatMap(([name, field]) => {
    const at = path === '' ? name : `${path}.${name}`;
    const support = field.support ?? 'honoured';
    const inner = support === 'honoured' && depth < MAX_DEPTH ? objectInside(field) : undefined;
    const rows = inner === undefined ? [] : fieldRows(inner, field.type === 'array' ? `${at}[]` : at, depth + 1);
    const allSupported = rows.every((row) => row[1] === WORDS.honoured);
    return [[`\`${at}\``, WORDS[support], field.why ?? ''], ...(allSupported ? [] : rows)];
  });
}

function objectInside(schema: Schema): ObjectSchema | undefined {
  if (schema.type === 'array') return objectInside(schema.items);
  return schema.type === 'object' ? schema : undefined;
}

/** Containers have a table of their own. */
function withoutContainers(schema: ObjectSchema): ObjectSchema {
  const { containers: _containers, ...fields } = schema.fields;
  return { ...schema, fields };
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
