import { apiVersionOf, type KindDefinition } from '../../protocol/kinds/kind.ts';
import { ApiError, noSuchPath } from './status.ts';

/** What a path below `/api` or `/apis` means. */
export type Route =
  { type: 'versions' } | { type: 'groups' } | { type: 'group'; group: string } | { type: 'resources'; apiVersion: string } | ResourceRoute;

export interface ResourceRoute {
  type: 'resource';
  kind: KindDefinition;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

/** Subresources of namespaces, which would read like resources in one. */
const NAMESPACE_SUBRESOURCES = ['status', 'finalize'];

/**
 * Undefined for paths outside of `/api` and `/apis`.
 * @throws ApiError `NotFound` when nothing is there
 */
export function routeOf(path: string, kinds: readonly KindDefinition[]): Route | undefined {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  const [root, first = '', second = ''] = parts;
  if (root === 'api') {
    if (parts.length === 1) return { type: 'versions' };
    if (parts.length === 2) return { type: 'resources', apiVersion: first };
    return resourceRoute(first, parts.slice(2), kinds);
  }
  if (root !== 'apis') return undefined;
  if (parts.length === 1) return { type: 'groups' };
  if (parts.length === 2) return { type: 'group', group: first };
  if (parts.length === 3) return { type: 'resources', apiVersion: `${first}/${second}` };
  return resourceRoute(`${first}/${second}`, parts.slice(3), kinds);
}

/** The kind that a plural means in an apiVersion, older names (aliases) included. */
export function kindAt(apiVersion: string, plural: string, kinds: readonly KindDefinition[]): KindDefinition | undefined {
  return kinds.find(
    (kind) =>
      kind.plural === plural &&
      (apiVersionOf(kind) === apiVersion || (kind.aliases ?? []).some((alias) => alias.apiVersion === apiVersion)),
  );
}

function resourceRoute(apiVersion: string, parts: readonly string[], kinds: readonly KindDefinition[]): ResourceRoute {
  const [first = '', second, third = ''] = parts;
  const inNamespace = first === 'namespaces' && parts.length > 2 && !NAMESPACE_SUBRESOURCES.includes(third);
  const [plural = '', name, subresource, ...rest] = inNamespace ? parts.slice(2) : parts;
  const kind = kindAt(apiVersion, plural, kinds);
  // What follows a proxy is the pod's business.
  if (kind === undefined || (rest.length > 0 && subresource !== 'proxy')) throw noSuchPath();
  const namespace = inNamespace ? second : undefined;
  if (kind.namespaced && namespace === undefined && name !== undefined) throw noSuchPath();
  if (!kind.namespaced && namespace !== undefined) throw noSuchPath();
  return { type: 'resource', kind, namespace, name, subresource };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw new ApiError('BadRequest', `the path has a bad escape: ${part}`, undefined, { cause: error });
  }
}
