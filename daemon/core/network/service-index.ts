import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ServiceSpec } from '../../../protocol/types.ts';
import { Groups } from '../cluster/groups.ts';
import { LayeredMap } from '../cluster/layered-map.ts';
import { ENDPOINTS, ENDPOINT_SLICES, serviceOf } from './written-endpoints.ts';

/** Which pods, Endpoints and EndpointSlices concern which service, kept up to date object by object: so that one pod's change is not looked up in every service. */
export class ServiceIndex {
  /** What of each key was indexed: it has changed by the time it is taken out. */
  private readonly indexed: LayeredMap<ObjectKey, DesiredObject>;
  private readonly podsByLabel: Groups<DesiredObject>;
  /** By one of the labels that it selects by. */
  private readonly servicesByLabel: Groups<DesiredObject>;
  private readonly writtenByService: Groups<DesiredObject>;

  /** @param from of a peer that holds the same: what they have in common is kept once */
  constructor(from?: ServiceIndex) {
    this.indexed = from?.indexed.fork() ?? new LayeredMap();
    this.podsByLabel = from?.podsByLabel.fork() ?? new Groups();
    this.servicesByLabel = from?.servicesByLabel.fork() ?? new Groups();
    this.writtenByService = from?.writtenByService.fork() ?? new Groups();
  }

  /** @returns services that this change may concern */
  replace(key: ObjectKey, object: DesiredObject | undefined): Set<ObjectKey> {
    const concerned = new Set<ObjectKey>();
    const before = this.indexed.get(key);
    // Most often only what its node reports of it is another.
    if (before !== object) {
      if (before !== undefined) this.addConcerned(key, before, concerned);
      this.move(key, before, object);
    }
    if (object !== undefined) this.addConcerned(key, object, concerned);
    if (key.startsWith('services/')) concerned.add(key);
    return concerned;
  }

  private move(key: ObjectKey, before: DesiredObject | undefined, object: DesiredObject | undefined): void {
    if (before !== undefined) for (const { groups, group } of this.placesOf(key, before)) groups.delete(group, key);
    this.indexed.delete(key);
    if (object === undefined) return;
    const places = this.placesOf(key, object);
    for (const { groups, group } of places) groups.set(group, object);
    if (places.length > 0) this.indexed.set(key, object);
  }

  podsOf(service: DesiredObject): readonly DesiredObject[] {
    const selector = selectorOf(service);
    const [first] = selector;
    if (first === undefined) return [];
    const all = this.podsByLabel.list(labelGroup(service.object.metadata.namespace ?? '', ...first));
    return selector.length === 1 ? all : all.filter((pod) => matches(pod, selector));
  }

  writtenFor(service: ObjectKey): readonly DesiredObject[] {
    return this.writtenByService.list(service);
  }

  private addConcerned(key: ObjectKey, object: DesiredObject, concerned: Set<ObjectKey>): void {
    if (this.servicesByLabel.isEmpty() && key.startsWith('pods/')) return;
    for (const { groups, group } of this.placesOf(key, object)) {
      if (groups === this.writtenByService) concerned.add(group);
      if (groups !== this.podsByLabel) continue;
      for (const service of this.servicesByLabel.list(group)) if (matches(object, selectorOf(service))) concerned.add(service.key);
    }
  }

  private placesOf(key: ObjectKey, object: DesiredObject): Place[] {
    const { resource, namespace } = parseObjectKey(key);
    if (resource === 'pods') {
      return Object.entries(object.object.metadata.labels ?? {}).map(([name, label]) => ({
        groups: this.podsByLabel,
        group: labelGroup(namespace, name, label),
      }));
    }
    if (resource === 'services') {
      const [first] = selectorOf(object);
      return first === undefined ? [] : [{ groups: this.servicesByLabel, group: labelGroup(namespace, ...first) }];
    }
    if (resource !== ENDPOINTS && resource !== ENDPOINT_SLICES) return [];
    const service = serviceOf(object, resource);
    return service === undefined ? [] : [{ groups: this.writtenByService, group: service }];
  }
}

interface Place {
  groups: Groups<DesiredObject>;
  group: string;
}

/** ExternalName stands for a name, whatever it selects. */
function selectorOf({ object }: DesiredObject): [string, string][] {
  const { selector, type } = (object.spec ?? {}) as ServiceSpec;
  return type === 'ExternalName' ? [] : Object.entries(selector ?? {});
}

function matches({ object }: DesiredObject, selector: readonly (readonly [string, string])[]): boolean {
  const { labels = {} } = object.metadata;
  return selector.every(([name, value]) => labels[name] === value);
}

function labelGroup(namespace: string, name: string, value: string): string {
  return `${namespace}\0${name}\0${value}`;
}
