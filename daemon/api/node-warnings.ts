import type { Node } from '../../protocol/types.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';

/** Nodes that a warning names; the rest is counted. */
const MAX_NAMED = 5;

/** What an object of this kind does not do on some nodes: only rules of the kernel hold traffic back. */
export function nodeWarnings({ kind }: Pick<ResourceCall, 'kind'>, { objects }: Pick<ApiDeps, 'objects'>): string[] {
  if (kind.kind !== 'NetworkPolicy') return [];
  const nodes = objects.list('nodes').items as readonly Node[];
  const without = nodes.flatMap(({ metadata: { name }, status }) =>
    status?.conditions?.some(({ type, status: is }) => type === 'NetworkUnavailable' && is === 'False') === true ? [] : [name],
  );
  if (without.length === 0) return [];
  const more = without.length > MAX_NAMED ? ` and ${without.length - MAX_NAMED} more` : '';
  return [
    `NetworkPolicy: holds no traffic back for pods of ${without.slice(0, MAX_NAMED).join(', ')}${more}: it needs kithd as root on Linux with nft and a container engine (kith describe node tells why there is none)`,
  ];
}
