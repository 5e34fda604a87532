import type { KindDefinition, Verb } from '../protocol/kinds/kind.ts';
import { findKind } from '../protocol/kinds/registry.ts';
import type { ApiClient } from './client.ts';
import type { CliContext } from './context.ts';
import { parseTargets, type Target, UnknownKindError } from './targets.ts';

/** Kinds that the server has and this command does not know of itself: those of CustomResourceDefinitions. */

const DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

interface DiscoveredResource {
  resource: string;
  responseKind?: { kind?: string };
  scope: string;
  singularResource: string;
  verbs: Verb[];
  shortNames?: string[];
  categories?: string[];
  subresources?: { subresource: string }[];
}

interface Discovery {
  items: { metadata: { name: string }; versions: { version: string; resources: DiscoveredResource[] }[] }[];
}

/** The kinds of every group, each version of them; a group's preferred version comes first. */
export async function serverKinds(client: ApiClient): Promise<KindDefinition[]> {
  const { items } = (await client.call({ path: '/apis', accept: DISCOVERY })).body as Discovery;
  return items.flatMap(({ metadata, versions }) =>
    versions.flatMap(({ version, resources }) => resources.map((resource) => kindOf(metadata.name, version, resource))),
  );
}

/** Like parseTargets; what is none of our kinds is asked of the server. */
export async function findTargets(context: Pick<CliContext, 'client'>, words: readonly string[]): Promise<Target[]> {
  try {
    return parseTargets(words);
  } catch (error) {
    if (!(error instanceof UnknownKindError)) throw error;
    const kinds = await serverKinds(context.client);
    return parseTargets(words, (word) => findKind(word) ?? kinds.find((kind) => wordsFor(kind).includes(word.toLowerCase())));
  }
}

function wordsFor({ plural, singular, kind, shortNames, group, version }: KindDefinition): string[] {
  return [plural, singular, kind, ...shortNames, `${plural}.${group}`, `${singular}.${group}`, `${plural}.${version}.${group}`]
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
}

/** What a command needs to know of it; the server reads and shows its objects. */
function kindOf(group: string, version: string, found: DiscoveredResource): KindDefinition {
  return {
    group,
    version,
    kind: found.responseKind?.kind ?? '',
    plural: found.resource,
    singular: found.singularResource,
    shortNames: found.shortNames ?? [],
    namespaced: found.scope === 'Namespaced',
    categories: found.categories ?? [],
    verbs: found.verbs,
    subresources: (found.subresources ?? []).map(({ subresource }) => subresource),
    schema: { type: 'any', description: '' },
    mergeUnits: { members: [] },
    columns: [],
  };
}
