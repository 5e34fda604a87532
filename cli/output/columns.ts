/** Spaces between columns, as kubectl has them. */
const GAP = '   ';

/**
 * Left-aligned columns, upper-case headers, no trailing blanks. Without rows only the header is printed. `atLeast` holds the widths of what was printed before; it is
 * changed to those of this.
 */
export function formatColumns(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  withHeaders = true,
  atLeast: number[] = [],
): string {
  const lines = withHeaders ? [headers.map((header) => header.toUpperCase()), ...rows] : [...rows];
  const widths = headers.map((_, column) => Math.max(atLeast[column] ?? 0, ...lines.map((line) => displayWidth(line[column] ?? ''))));
  atLeast.splice(0, atLeast.length, ...widths);
  return lines
    .map(
      (line) =>
        line
          .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - displayWidth(cell)))
          .join(GAP)
          .trimEnd() + '\n',
    )
    .join('');
}

/** Code points are near enough to terminal cells for the names that Kubernetes allows. */
function displayWidth(text: string): number {
  return [...text].length;
}
