import type { DesiredObject, GroupResource, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import { requiredAntiAffinity } from '../scheduler/pod-queries.ts';
import { boundNode } from './pods.ts';

const NOTHING: readonly DesiredObject[] = [];

/** Objects by some text; each bucket's list is made once and kept until the bucket changes. */
class Buckets {
  private readonly objects = new Map<string, Map<ObjectKey, DesiredObject>>();
  private readonly lists = new Map<string, readonly DesiredObject[]>();

  set(bucket: string, object: DesiredObject): void {
    const members = this.objects.get(bucket) ?? new Map<ObjectKey, DesiredObject>();
    this.objects.set(bucket, members.set(object.key, object));
    this.lists.delete(bucket);
  }

  delete(bucket: string, key: ObjectKey): void {
    const members = this.objects.get(bucket);
    if (members?.delete(key) !== true) return;
    if (members.size === 0) this.objects.delete(bucket);
    this.lists.delete(bucket);
  }

  list(bucket: string): readonly DesiredObject[] {
    const known = this.lists.get(bucket);
    if (known !== undefined) return known;
    const members = this.objects.get(bucket);
    if (members === undefined) return NOTHING;
    const list = [...members.values()];
    this.lists.set(bucket, list);
    return list;
  }
}

/** Live desired objects, found by what decisions look for. */
export class ObjectIndex {
  private readonly byKey = new Map<ObjectKey, DesiredObject>();
  private readonly byUid = new Map<string, ObjectKey>();
  private readonly byResource = new Buckets();
  private readonly byController = new Buckets();
  private readonly byOwner = new Buckets();
  private readonly byNode = new Buckets();
  private readonly byNamespace = new Buckets();
  /** One bucket. */
  private readonly byRule = new Buckets();

  get(key: ObjectKey): DesiredObject | undefined {
    return this.byKey.get(key);
  }

  keys(): Iterable<ObjectKey> {
    return this.byKey.keys();
  }

  keyOfUid(uid: string): ObjectKey | undefined {
    return this.byUid.get(uid);
  }

  ofResource(resource: GroupResource): readonly DesiredObject[] {
    return this.byResource.list(resource);
  }

  controlledBy(uid: string): readonly DesiredObject[] {
    return this.byController.list(uid);
  }

  ownedInAnyWayBy(uid: string): readonly DesiredObject[] {
    return this.byOwner.list(uid);
  }

  inNamespace(namespace: string): readonly DesiredObject[] {
    return this.byNamespace.list(namespace);
  }

  /** The empty text is the bucket of pods without a binding. */
  podsOnNode(node: string): readonly DesiredObject[] {
    return this.byNode.list(node);
  }

  /** Pods with required anti-affinity. */
  repelling(): readonly DesiredObject[] {
    return this.byRule.list('');
  }

  replace(key: ObjectKey, after: DesiredObject | undefined): void {
    const before = this.byKey.get(key);
    if (before !== undefined) {
      this.byKey.delete(key);
      this.byUid.delete(before.uid);
      for (const [buckets, bucket] of this.places(before)) buckets.delete(bucket, key);
    }
    if (after === undefined) return;
    this.byKey.set(key, after);
    this.byUid.set(after.uid, key);
    for (const [buckets, bucket] of this.places(after)) buckets.set(bucket, after);
  }

  private places(desired: DesiredObject): [Buckets, string][] {
    const { resource, namespace } = parseObjectKey(desired.key);
    const places: [Buckets, string][] = [[this.byResource, resource]];
    if (namespace !== '') places.push([this.byNamespace, namespace]);
    for (const owner of desired.object.metadata.ownerReferences ?? []) {
      places.push([this.byOwner, owner.uid]);
      if (owner.controller === true) places.push([this.byController, owner.uid]);
    }
    if (resource === 'pods') places.push([this.byNode, boundNode(desired) ?? '']);
    if (resource === 'pods' && requiredAntiAffinity(desired).length > 0) places.push([this.byRule, '']);
    return places;
  }
}
