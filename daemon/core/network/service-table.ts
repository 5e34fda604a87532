import { jsonEqual } from '../../../protocol/json.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { resourceOf } from '../../../protocol/objects.ts';
import { MEMBERS } from '../cluster/membership.ts';
import type { ClusterView } from '../cluster/view.ts';
import { API_SERVICE } from './api-service.ts';
import { resolveService } from './resolve-service.ts';
import { ServiceIndex } from './service-index.ts';
import type { ResolvedService } from './service-types.ts';
import { ENDPOINTS, ENDPOINT_SLICES } from './written-endpoints.ts';

const RELEVANT: ReadonlySet<string> = new Set(['pods', 'services', ENDPOINTS, ENDPOINT_SLICES]);

/**
 * All services of the view, resolved to addresses. Incremental: it is told which keys may differ (as ClusterState answers them; liveness and reports come as the keys of
 * their pods) and resolves again only the services that these concern. What is in it follows from the view alone.
 */
export class ServiceTable {
  private readonly index: ServiceIndex;
  private readonly services: Map<ObjectKey, ResolvedService>;
  private sorted: readonly ResolvedService[] | undefined;
  private changes = 0;

  /** @param from of a peer whose view is the same: what they have in common is kept once */
  constructor(from?: ServiceTable) {
    this.index = new ServiceIndex(from?.index);
    this.services = new Map(from?.services);
  }

  /** @returns services that came, went or differ now */
  update(view: ClusterView, affected: Iterable<ObjectKey>): Set<ObjectKey> {
    const concerned = new Set<ObjectKey>();
    for (const key of affected) {
      const resource = resourceOf(key);
      if (resource === MEMBERS) concerned.add(API_SERVICE);
      if (!RELEVANT.has(resource)) continue;
      for (const service of this.index.replace(key, view.get(key))) concerned.add(service);
    }
    const changed = new Set<ObjectKey>();
    for (const key of concerned) if (this.resolve(view, key)) changed.add(key);
    if (changed.size > 0) {
      this.changes += 1;
      this.sorted = undefined;
    }
    return changed;
  }

  /** Grows with every change of anything in it. */
  get version(): number {
    return this.changes;
  }

  get(service: ObjectKey): ResolvedService | undefined {
    return this.services.get(service);
  }

  /** By namespace and name. The same array until something changes. */
  list(): readonly ResolvedService[] {
    this.sorted ??= [...this.services.values()].sort((left, right) => (left.key < right.key ? -1 : 1));
    return this.sorted;
  }

  /** Whether any service has the pod among its endpoints, in rotation or not. */
  isEndpoint(namespace: string, podUid: string): boolean {
    return this.list().some(
      (service) => service.namespace === namespace && service.ports.some(({ endpoints }) => endpoints.some(({ uid }) => uid === podUid)),
    );
  }

  private resolve(view: ClusterView, key: ObjectKey): boolean {
    const before = this.services.get(key);
    const service = view.get(key);
    if (service === undefined) return this.services.delete(key);
    const after = resolveService(view, service, this.index.podsOf(service), this.index.writtenFor(key));
    if (before !== undefined && jsonEqual(before, after)) return false;
    this.services.set(key, after);
    return true;
  }
}
