import { asContainer } from '../../../protocol/kinds/ephemeral-container.ts';
import type { Container, PodSpec } from '../../../protocol/types.ts';

export function containersOf(spec: PodSpec): Container[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? []).map(asContainer)];
}

/** `container "a"`, `containers "a", "b"` */
export function named(what: string, of: readonly (string | { name: string })[]): string {
  const names = of.map((each) => (typeof each === 'string' ? each : each.name));
  return `${what}${names.length === 1 ? '' : 's'} ${quoted(names)}`;
}

export function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
