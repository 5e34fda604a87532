/** Completion indexes as text, `0-3,7`, as Kubernetes writes them down. */

/** @param indexes ascending */
export function formatIndexes(indexes: readonly number[]): string {
  const parts: string[] = [];
  for (let from = 0; from < indexes.length; from += 1) {
    const first = indexes[from] ?? 0;
    let to = from;
    while (indexes[to + 1] === first + (to + 1 - from)) to += 1;
    const last = indexes[to] ?? first;
    if (to === from) parts.push(`${first}`);
    else if (to === from + 1) parts.push(`${first}`, `${last}`);
    else parts.push(`${first}-${last}`);
    from = to;
  }
  return parts.join(',');
}

/** Whether the text names the index. Text that is none names nothing. */
export function namesIndex(text: string, index: number): boolean {
  return text.split(',').some((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return first !== undefined && last !== undefined && first <= index && index <= last;
  });
}

/** How many indexes below `bound` the text names. */
export function countIndexes(text: string): number {
  let count = 0;
  for (const part of text.split(',')) {
    const [first = Number.NaN, last = first] = part.split('-').map(Number);
    if (last >= first) count += last - first + 1;
  }
  return count;
}
