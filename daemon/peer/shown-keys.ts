import { NODE_METRICS, POD_METRICS } from '../../protocol/kinds/stored/metrics.ts';
import type { GroupResource, ObjectKey } from '../../protocol/objects.ts';
import { resourceOf } from '../../protocol/objects.ts';
import type { ClusterView } from '../core/cluster/view.ts';
import { keysOfUsage, LEASES, metricsOf } from '../core/status/usage-keys.ts';

/** What is shown beside desired state. */
export interface ShownBeside {
  events: { keys(): Iterable<ObjectKey> };
  services: { derivedKeys(): Iterable<ObjectKey> };
}

/** All keys of a resource under which the API may have something to show. */
export function shownKeys(view: ClusterView, { events, services }: ShownBeside, resource: GroupResource): Set<ObjectKey> {
  const keys = new Set<ObjectKey>(view.list(resource).map(({ key }) => key));
  const add = (more: Iterable<ObjectKey>): void => {
    for (const key of more) if (resourceOf(key) === resource) keys.add(key);
  };
  if (resource === 'events') add(events.keys());
  if (resource === POD_METRICS) add(view.list('pods').map(metricsOf));
  if (resource === NODE_METRICS || resource === LEASES) for (const { spec } of view.members()) add(keysOfUsage(spec.nodeName));
  add(services.derivedKeys());
  return keys;
}
