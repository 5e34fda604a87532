export interface BenchArguments {
  name: string;
  json: boolean;
  numbers: ReadonlyMap<string, number>;
}

/** `propagation --json --writes 200` */
export function parseBenchArguments(words: readonly string[]): BenchArguments {
  const numbers = new Map<string, number>();
  let name = '';
  let json = false;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--json') json = true;
    else if (word.startsWith('--')) numbers.set(word.slice(2), Number(words[++index]));
    else if (name === '') name = word;
    else throw new Error(`unexpected ${word}`);
  }
  for (const [option, value] of numbers) if (!Number.isFinite(value)) throw new Error(`--${option}: expected a number`);
  return { name, json, numbers };
}

/** The value below which the share `fraction` of the samples lies. */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
