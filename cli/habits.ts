import type { Command, Option } from 'commander';
import { walk } from './completion.ts';

/**
 * What kubectl's parser of options takes and ours does not, in ours: `-o=wide`, `--wait=false`, `--ignore-not-found=true`. What comes after `--` is somebody else's.
 * Source: github.com/spf13/pflag, README, "Command line flag syntax".
 */
export function inOurWords(program: Command, words: readonly string[]): string[] {
  const end = words.includes('--') ? words.indexOf('--') : words.length;
  const options = optionsOf(program, words.slice(0, end));
  const ours = words.slice(0, end).flatMap((word) => {
    const [, letter, value = ''] = /^(-[a-zA-Z])=(.*)$/s.exec(word) ?? [];
    if (letter !== undefined) return takesValue(options, letter) ? [letter, value] : truth(options, letter, value, word);
    const [, name, text = ''] = /^(--[a-z-]+)=(.*)$/s.exec(word) ?? [];
    return name === undefined || takesValue(options, name) ? [word] : truth(options, name, text, word);
  });
  return [...ours, ...words.slice(end)];
}

function optionsOf(program: Command, words: readonly string[]): readonly Option[] {
  return [...walk(program, words).command.options, ...program.options];
}

const named = (options: readonly Option[], name: string): Option | undefined =>
  options.find(({ long, short }) => long === name || short === name);

function takesValue(options: readonly Option[], name: string): boolean {
  const option = named(options, name);
  return option !== undefined && (option.required || option.optional);
}

/** An option without a value, said to hold or not. Unchanged where it is none of ours: it is refused then. */
function truth(options: readonly Option[], name: string, value: string, word: string): string[] {
  const isTrue = ['true', '1', 't', 'T', 'TRUE', 'True'].includes(value);
  if (!isTrue && !['false', '0', 'f', 'F', 'FALSE', 'False'].includes(value)) return [word];
  const option = named(options, name);
  if (option !== undefined) return isTrue ? [name] : [];
  const opposite = name.replace(/^--/, '--no-');
  if (named(options, opposite) === undefined) return [word];
  return isTrue ? [] : [opposite];
}
