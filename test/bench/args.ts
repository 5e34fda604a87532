export interface BenchArguments {
  name: string;
  json: boolean;
  numbers: ReadonlyMap<string, number>;
  /** Options whose value is no number. */
  texts: ReadonlyMap<string, string>;
}

/** `propagation --json --writes 200` */
export function parseBenchArguments(words: readonly string[]): BenchArguments {
  const numbers = new Map<string, number>();
  const texts = new Map<string, string>();
  let name = '';
  let json = false;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word === '--json') json = true;
    else if (word.startsWith('--')) {
      const value = words[++index];
      if (value === undefined || value.startsWith('--')) throw new Error(`${word}: expected a value after it`);
      const number = Number(value);
      if (Number.isFinite(number)) numbers.set(word.slice(2), number);
      else texts.set(word.slice(2), value);
    } else if (name === '') name = word;
    else throw new Error(`unexpected ${word}`);
  }
  return { name, json, numbers, texts };
}

/** One of `choices`. @throws Error that names the option and what it takes */
export function choiceOption<Choice extends string>(
  given: BenchArguments,
  option: string,
  choices: readonly Choice[],
  fallback: Choice,
): Choice {
  const text = given.texts.get(option) ?? fallback;
  const chosen = choices.find((choice) => choice === text);
  if (chosen === undefined) throw new Error(`--${option} ${text}: expected ${choices.join(', ')}`);
  return chosen;
}

/** Some of `choices`, with commas between. @throws Error that names the option and what it takes */
export function listOption<Choice extends string>(given: BenchArguments, option: string, choices: readonly Choice[]): Choice[] {
  const texts = (given.texts.get(option) ?? '').split(',').filter((text) => text !== '');
  for (const text of texts) {
    if (!choices.some((choice) => choice === text)) throw new Error(`--${option} ${text}: expected ${choices.join(', ')}`);
  }
  return choices.filter((choice) => texts.includes(choice));
}

/** The value below which the share `fraction` of the samples lies. */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
