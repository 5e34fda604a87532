import type { Command } from 'commander';
import { allKinds, findKind } from '../protocol/kinds/registry.ts';

/** What may stand next on a command line. Pure but for the names of objects, which are asked for. */

/** Commands whose arguments are kinds and names. */
const OBJECT_COMMANDS = ['get', 'describe', 'delete', 'scale', 'label', 'annotate'];
/** Commands whose arguments are names of one kind. */
const NAME_COMMANDS: Readonly<Record<string, string>> = {
  ...{ logs: 'pods', exec: 'pods', attach: 'pods', 'port-forward': 'pods' },
  ...{ cordon: 'nodes', uncordon: 'nodes', drain: 'nodes', doctor: 'nodes', 'confirm-dead': 'nodes' },
};

/** Names of a kind's objects, in the namespace that the words so far name. */
export type ListNames = (plural: string, namespace: string) => Promise<readonly string[]>;

/** @param words after the command's own name; the last one is being typed */
export async function completions(program: Command, words: readonly string[], listNames: ListNames): Promise<string[]> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const candidates = await candidatesFor(program, before, typed, listNames);
  return [...new Set(candidates)].filter((word) => word.startsWith(typed)).sort();
}

async function candidatesFor(program: Command, before: readonly string[], typed: string, listNames: ListNames): Promise<readonly string[]> {
  const { command, rest, open } = walk(program, before);
  if (open === '--namespace') return listNames('namespaces', '');
  if (open !== undefined) return [];
  if (typed.startsWith('-')) return [...command.options, ...program.options].flatMap(({ long }) => long ?? []);
  if (command.commands.length > 0) return command.commands.map((each) => each.name()).filter((name) => !name.startsWith('_'));
  const namespace = optionValue(before, ['-n', '--namespace']) ?? 'default';
  const named = NAME_COMMANDS[command.name()];
  if (named !== undefined) return listNames(named, namespace);
  if (!OBJECT_COMMANDS.includes(command.name())) return [];
  const [word] = rest;
  // `pod/we`: the kind is given already.
  if (word === undefined) return typed.includes('/') ? [] : allKinds().flatMap((kind) => [kind.plural, ...kind.shortNames]);
  const kind = findKind(word);
  return kind === undefined ? [] : listNames(kind.plural, namespace);
}

/** Which command the words name, what of them is left, and an option that still waits for its value. */
export function walk(program: Command, words: readonly string[]): { command: Command; rest: string[]; open: string | undefined } {
  let command = program;
  let open: string | undefined;
  const rest: string[] = [];
  for (const word of words) {
    if (open !== undefined) {
      open = undefined;
      continue;
    }
    const option = [...command.options, ...program.options].find(({ long, short }) => long === word || short === word);
    const next = command.commands.find((each) => each.name() === word);
    if (option !== undefined) open = option.required || option.optional ? (option.long ?? word) : undefined;
    else if (next !== undefined && rest.length === 0) command = next;
    else if (!word.startsWith('-')) rest.push(word);
  }
  return { command, rest, open };
}

function optionValue(words: readonly string[], names: readonly string[]): string | undefined {
  const at = words.findIndex((word) => names.includes(word));
  return at < 0 ? undefined : words[at + 1];
}

/** What a shell reads in: it asks the command itself. */
export const COMPLETION_SCRIPTS: Readonly<Record<'bash' | 'zsh' | 'fish', string>> = {
  bash: `_kith() {
  local IFS=$'\\n'
  COMPREPLY=($(kith __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _kith kith
`,
  zsh: `#compdef kith
_kith() {
  local -a candidates
  candidates=("\${(@f)$(kith __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -- "\${candidates[@]}"
}
compdef _kith kith
`,
  fish: `complete -c kith -f -a '(kith __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};
