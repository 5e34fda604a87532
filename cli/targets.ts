import type { KindDefinition } from '../protocol/kinds/kind.ts';
import { allKinds, findKind } from '../protocol/kinds/registry.ts';
import { CliError, EXIT_USAGE } from './errors.ts';

/** A kind by any word for it. */
export type FindKind = (word: string) => KindDefinition | undefined;

export class UnknownKindError extends CliError {}

/** What a person named: a kind, and names of it (none means all). */
export interface Target {
  kind: KindDefinition;
  names: string[];
}

/**
 * Reads `pods`, `pods web db`, `pod/web deploy/api`, `pods,deployments` and `all`.
 * @throws CliError when a word names no kind.
 */
export function parseTargets(words: readonly string[], find: FindKind = findKind): Target[] {
  const [first] = words;
  if (first === undefined) {
    throw new CliError('say what: a kind such as pods, or KIND/NAME. The kinds are: ' + kindWords(), EXIT_USAGE);
  }
  if (first.includes('/')) return words.map((word) => parseSlashed(word, find));
  const kinds = first
    .split(',')
    .flatMap((word) => (word === 'all' ? allKinds().filter((kind) => kind.categories.includes('all')) : [requireKind(word, find)]));
  const names = words.slice(1);
  const slashed = names.find((name) => name.includes('/'));
  if (slashed !== undefined)
    throw new CliError(`${slashed}: KIND/NAME can't be mixed with "${first}"; write every target as KIND/NAME`, EXIT_USAGE);
  return kinds.map((kind) => ({ kind, names }));
}

function parseSlashed(word: string, find: FindKind): Target {
  const [kind = '', name = '', ...rest] = word.split('/');
  if (kind === '' || name === '' || rest.length > 0) throw new CliError(`${word}: expected KIND/NAME`, EXIT_USAGE);
  return { kind: requireKind(kind, find), names: [name] };
}

export function requireKind(word: string, find: FindKind = findKind): KindDefinition {
  const kind = find(word);
  if (kind === undefined)
    throw new UnknownKindError(`the server doesn't have a resource type "${word}". The kinds are: ${kindWords()}`, EXIT_USAGE);
  return kind;
}

/** What chooses among the objects of a kind. Empty selectors are none, as of a variable that is not set: they would choose all. */
export interface Choice {
  selector?: string;
  fieldSelector?: string;
  all?: boolean;
  allNamespaces?: boolean;
}

/** @throws CliError, in kubectl's words, when a name and a choice are given, or two choices: one of them would be passed over in silence. */
export function requireOneChoice(targets: readonly Target[], { selector, fieldSelector, all, allNamespaces }: Choice): void {
  const isSelected = Boolean(selector) || Boolean(fieldSelector);
  if (all && isSelected) throw new CliError("setting 'all' parameter but found a non empty selector", EXIT_USAGE);
  if (targets.every(({ names }) => names.length === 0)) return;
  if (isSelected || all) throw new CliError('name cannot be provided when a selector is specified', EXIT_USAGE);
  if (allNamespaces) throw new CliError('a resource cannot be retrieved by name across all namespaces', EXIT_USAGE);
}

/** The names of nodes, which may be given as `kith get nodes -o name` prints them. @throws CliError */
export function nodeNames(words: readonly string[]): string[] {
  return words.map((word) => {
    const { kind, name } = parseOne([word], 'nodes');
    if (kind.plural !== 'nodes') throw new CliError(`${word}: expected the name of a node`, EXIT_USAGE);
    return name;
  });
}

/** Exactly one object, as `logs`, `scale` or `cordon` need. `defaultKind` is taken for a bare name. */
export function parseOne(words: readonly string[], defaultKind?: string): { kind: KindDefinition; name: string } {
  const first = words[0];
  const asked =
    words.length === 1 && first !== undefined && !first.includes('/') && defaultKind !== undefined ? [defaultKind, first] : words;
  const [target, ...others] = parseTargets(asked);
  const [name, ...more] = target?.names ?? [];
  if (target === undefined || name === undefined) throw new CliError('say which one: KIND/NAME', EXIT_USAGE);
  if (others.length > 0 || more.length > 0) throw new CliError('one object at a time, please', EXIT_USAGE);
  return { kind: target.kind, name };
}

/** How kubectl names an object in its messages: `deployment.apps/web`, `pod/web`. */
export function displayName(kind: KindDefinition, name: string): string {
  return `${kind.singular}${kind.group === '' ? '' : `.${kind.group}`}/${name}`;
}

function kindWords(): string {
  return allKinds()
    .map((kind) => (kind.shortNames.length === 0 ? kind.plural : `${kind.plural} (${kind.shortNames.join(', ')})`))
    .join(', ');
}
