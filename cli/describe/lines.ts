/** The indented `Name:   value` layout of kubectl's describe. */
export type Entry = readonly [label: string, value: string | readonly string[] | Section];
export interface Section {
  entries: readonly Entry[];
}

const GAP = 2;

/** Values of one level line up behind the longest label; several values stand one below the other. */
export function formatEntries(entries: readonly Entry[], indent = 0): string {
  const width = Math.max(0, ...entries.filter(([, value]) => !isSection(value)).map(([label]) => label.length + 1)) + GAP;
  const margin = ' '.repeat(indent);
  let out = '';
  for (const [label, value] of entries) {
    if (isSection(value)) {
      out += `${margin}${label}:\n${formatEntries(value.entries, indent + GAP)}`;
      continue;
    }
    const lines = typeof value === 'string' ? [value] : value.length === 0 ? ['<none>'] : value;
    lines.forEach((line, index) => {
      const head = index === 0 ? `${label}:`.padEnd(width) : ' '.repeat(width);
      out += `${margin}${head}${line}`.trimEnd() + '\n';
    });
  }
  return out;
}

function isSection(value: Entry[1]): value is Section {
  return typeof value === 'object' && !Array.isArray(value);
}

/** A list of `key=value`, one a line, or `<none>`. */
export function mapLines(map: Readonly<Record<string, string>> | undefined, separator = '='): string[] {
  return Object.entries(map ?? {})
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}${separator}${value}`);
}
