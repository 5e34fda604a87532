import { apiVersionOf, type KindDefinition, type Verb } from '../../protocol/kinds/kind.ts';
import { noSuchPath } from './status.ts';

/** Subresources whose objects are of another kind than their parent's. */
const SUBRESOURCE_KINDS: Readonly<Record<string, { group: string; version: string; kind: string }>> = {
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction' },
  binding: { group: '', version: 'v1', kind: 'Binding' },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  exec: { group: '', version: 'v1', kind: 'PodExecOptions' },
  attach: { group: '', version: 'v1', kind: 'PodAttachOptions' },
  portforward: { group: '', version: 'v1', kind: 'PodPortForwardOptions' },
};
const SUBRESOURCE_VERBS: Readonly<Record<string, readonly Verb[]>> = {
  scale: ['get', 'patch', 'update'],
  status: ['get'],
  log: ['get'],
  exec: ['create', 'get'],
  attach: ['create', 'get'],
  portforward: ['create', 'get'],
  eviction: ['create'],
  binding: ['create'],
  ephemeralcontainers: ['get', 'patch', 'update'],
  token: ['create'],
  proxy: ['create', 'delete', 'get', 'patch', 'update'],
};

interface ServedResource {
  kind: KindDefinition;
  /** Under an older apiVersion: found by name, but not in `get all` and without short names. */
  alias: boolean;
}

interface ServedVersion {
  group: string;
  version: string;
  apiVersion: string;
  resources: ServedResource[];
}

/**
 * Discovery documents, the same on every peer: kubectl keeps them on disk by host and port. The groups are in the order of the registry, the core group first.
 */
export class Discovery {
  private readonly served: readonly ServedVersion[];

  constructor(kinds: readonly KindDefinition[]) {
    this.served = servedVersions(kinds);
  }

  /** Every apiVersion, the core group's first. */
  apiVersions(): string[] {
    return this.served.map(({ apiVersion }) => apiVersion);
  }

  kindsIn(apiVersion: string): KindDefinition[] {
    return this.version(apiVersion).resources.map(({ kind }) => kind);
  }

  /** `GET /api` */
  coreVersions(): object {
    const versions = this.served.filter(({ group }) => group === '').map(({ version }) => version);
    return { kind: 'APIVersions', versions, serverAddressByClientCIDRs: [] };
  }

  /** `GET /apis` */
  groups(): object {
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: this.groupNames().map((group) => this.groupEntry(group)) };
  }

  /** `GET /apis/GROUP` */
  group(group: string): object {
    if (group === '' || !this.groupNames().includes(group)) throw noSuchPath();
    return { kind: 'APIGroup', apiVersion: 'v1', ...this.groupEntry(group) };
  }

  /** `GET /api/v1` and `GET /apis/GROUP/VERSION` */
  resources(apiVersion: string): object {
    const { resources } = this.version(apiVersion);
    return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion, resources: resources.flatMap(legacyEntries) };
  }

  /** `GET /api` or `/apis` as `APIGroupDiscoveryList`. */
  aggregated(core: boolean, version: string): object {
    const names = core ? [''] : this.groupNames();
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: `apidiscovery.k8s.io/${version}`,
      metadata: {},
      items: names.map((group) => ({
        metadata: { name: group, creationTimestamp: null },
        versions: this.served
          .filter((served) => served.group === group)
          .map((served) => ({ version: served.version, freshness: 'Current', resources: served.resources.map(aggregatedEntry) })),
      })),
    };
  }

  private groupNames(): string[] {
    return [...new Set(this.served.map(({ group }) => group))].filter((group) => group !== '');
  }

  private groupEntry(group: string): object {
    const versions = this.served
      .filter((served) => served.group === group)
      .map(({ version, apiVersion }) => ({ groupVersion: apiVersion, version }));
    return { name: group, versions, preferredVersion: versions[0] };
  }

  private version(apiVersion: string): ServedVersion {
    const found = this.served.find((served) => served.apiVersion === apiVersion);
    if (found === undefined) throw noSuchPath();
    return found;
  }
}

function servedVersions(kinds: readonly KindDefinition[]): ServedVersion[] {
  const byVersion = new Map<string, ServedVersion>();
  const add = (apiVersion: string, resource: ServedResource): void => {
    const slash = apiVersion.indexOf('/');
    const [group, version] = [apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1)];
    const served = byVersion.get(apiVersion) ?? { group, version, apiVersion, resources: [] };
    byVersion.set(apiVersion, served);
    served.resources.push(resource);
  };
  for (const kind of kinds) add(apiVersionOf(kind), { kind, alias: false });
  // Older names come last: clients that only know a resource's name take the first group that has it.
  for (const kind of kinds) for (const alias of kind.aliases ?? []) add(alias.apiVersion, { kind, alias: true });
  const all = [...byVersion.values()];
  return [...all.filter(({ group }) => group === ''), ...all.filter(({ group }) => group !== '')];
}

function legacyEntries({ kind, alias }: ServedResource): object[] {
  const own = {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: [...kind.verbs].sort(),
    ...shortcuts(kind, alias),
  };
  return [
    own,
    ...kind.subresources.map((subresource) => ({
      name: `${kind.plural}/${subresource}`,
      singularName: '',
      namespaced: kind.namespaced,
      kind: kind.kind,
      ...subresourceKind(kind, subresource),
      verbs: SUBRESOURCE_VERBS[subresource] ?? ['get'],
    })),
  ];
}

function aggregatedEntry({ kind, alias }: ServedResource): object {
  const responseKind = { group: kind.group, version: kind.version, kind: kind.kind };
  return {
    resource: kind.plural,
    responseKind,
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: [...kind.verbs].sort(),
    ...shortcuts(kind, alias),
    subresources: kind.subresources.map((subresource) => ({
      subresource,
      responseKind: subresourceKind(kind, subresource) ?? responseKind,
      verbs: SUBRESOURCE_VERBS[subresource] ?? ['get'],
    })),
  };
}

function subresourceKind(parent: KindDefinition, subresource: string): { group: string; version: string; kind: string } | undefined {
  if (subresource === 'proxy') return { group: '', version: 'v1', kind: `${parent.kind}ProxyOptions` };
  return SUBRESOURCE_KINDS[subresource];
}

function shortcuts(kind: KindDefinition, alias: boolean): { shortNames?: readonly string[]; categories?: readonly string[] } {
  if (alias) return {};
  return {
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
  };
}
