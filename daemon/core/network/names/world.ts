import { objectKey } from '../../../../protocol/objects.ts';
import type { ClusterView } from '../../cluster/view.ts';
import { clusterDomain } from '../service-range.ts';
import type { ServiceTable } from '../service-table.ts';
import type { NameWorld } from './answer.ts';

/** What names are made of, as this peer sees it now. */
export function nameWorld(view: ClusterView, table: ServiceTable): NameWorld {
  return {
    domain: clusterDomain(view),
    service: (key) => table.get(key),
    services: () => table.list(),
    hasNamespace: (name) => view.get(objectKey('namespaces', '', name)) !== undefined,
  };
}
