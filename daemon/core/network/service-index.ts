import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ServiceSpec } from '../../../protocol/types.ts';
import { ENDPOINTS, ENDPOINT_SLICES, serviceOf } from './written-endpoints.ts';

/** Which pods, Endpoints and EndpointSlices concern which service, kept up to date object by object: so that one pod's change is not looked up in every service. */
export class ServiceIndex {
  /** What of each key was indexed: it has changed by the time it is taken out. */
  private readonly indexed = new Map<ObjectKey, DesiredObject>();
  private readonly podsByLabel = new Buckets<DesiredObject>();
  /** By one of the labels that it selects by. */
  private readonly servicesByLabel = new Buckets<DesiredObject>();
  private readonly writtenByService = new Buckets<DesiredObject>();

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
    if (before !== undefined) for (const { buckets, bucket } of this.placesOf(key, before)) buckets.delete(bucket, key);
    this.indexed.delete(key);
    if (object === undefined) return;
    const places = this.placesOf(key, object);
    for (const { buckets, bucket } of places) buckets.set(bucket, key, object);
    if (places.length > 0) this.indexed.set(key, object);
  }

  podsOf(service: DesiredObject): DesiredObject[] {
    const selector = selectorOf(service);
    const [first] = selector;
    if (first === undefined) return [];
    const all = this.podsByLabel.list(labelBucket(service.object.metadata.namespace ?? '', ...first));
    return selector.length === 1 ? all : all.filter((pod) => matches(pod, selector));
  }

  writtenFor(service: ObjectKey): DesiredObject[] {
    return this.writtenByService.list(service);
  }

  private addConcerned(key: ObjectKey, object: DesiredObject, concerned: Set<ObjectKey>): void {
    if (this.servicesByLabel.isEmpty() && key.startsWith('pods/')) return;
    for (const { buckets, bucket } of this.placesOf(key, object)) {
      if (buckets === this.writtenByService) concerned.add(bucket);
      if (buckets !== this.podsByLabel) continue;
      for (const service of this.servicesByLabel.values(bucket)) if (matches(object, selectorOf(service))) concerned.add(service.key);
    }
  }

  private placesOf(key: ObjectKey, object: DesiredObject): Place[] {
    const { resource, namespace } = parseObjectKey(key);
    if (resource === 'pods') {
      return Object.entries(object.object.metadata.labels ?? {}).map(([name, label]) => ({
        buckets: this.podsByLabel,
        bucket: labelBucket(namespace, name, label),
      }));
    }
    if (resource === 'services') {
      const [first] = selectorOf(object);
      return first === undefined ? [] : [{ buckets: this.servicesByLabel, bucket: labelBucket(namespace, ...first) }];
    }
    if (resource !== ENDPOINTS && resource !== ENDPOINT_SLICES) return [];
    const service = serviceOf(object, resource);
    return service === undefined ? [] : [{ buckets: this.writtenByService, bucket: service }];
  }
}

interface Place {
  buckets: Buckets<DesiredObject>;
  bucket: string;
}

class Buckets<Value> {
  private readonly members = new Map<string, Map<ObjectKey, Value>>();

  set(bucket: string, key: ObjectKey, value: Value): void {
    const members = this.members.get(bucket) ?? new Map<ObjectKey, Value>();
    this.members.set(bucket, members.set(key, value));
  }

  delete(bucket: string, key: ObjectKey): void {
    const members = this.members.get(bucket);
    if (members?.delete(key) === true && members.size === 0) this.members.delete(bucket);
  }

  isEmpty(): boolean {
    return this.members.size === 0;
  }

  list(bucket: string): Value[] {
    return [...this.values(bucket)];
  }

  values(bucket: string): Iterable<Value> {
    return this.members.get(bucket)?.values() ?? [];
  }
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

function labelBucket(namespace: string, name: string, value: string): string {
  return `${namespace}\0${name}\0${value}`;
}
