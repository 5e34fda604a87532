import type { DesiredObject, GroupResource, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import { requiredAntiAffinity } from '../scheduler/pod-queries.ts';
import { Groups } from './groups.ts';
import { LayeredMap } from './layered-map.ts';
import { boundNode } from './pods.ts';

/** By the list of all that name the owner. */
const controlled = new WeakMap<readonly DesiredObject[], readonly DesiredObject[]>();

/** Mostly all of them. */
function controlledAmong(owned: readonly DesiredObject[], uid: string): readonly DesiredObject[] {
  let found = controlled.get(owned);
  if (found === undefined) {
    const isControlled = ({ object }: DesiredObject): boolean =>
      object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.controller === true) === true;
    found = owned.every(isControlled) ? owned : owned.filter(isControlled);
    controlled.set(owned, found);
  }
  return found;
}

/** Live desired objects, found by what decisions look for. */
export class ObjectIndex {
  private readonly byKey: LayeredMap<ObjectKey, DesiredObject>;
  private readonly byUid: LayeredMap<string, ObjectKey>;
  private readonly byResource: Groups<DesiredObject>;
  private readonly byOwner: Groups<DesiredObject>;
  private readonly byNode: Groups<DesiredObject>;
  private readonly byNamespace: Groups<DesiredObject>;
  /** One group. */
  private readonly byRule: Groups<DesiredObject>;

  /** @param from of a peer that holds the same: what they have in common is kept once */
  constructor(from?: ObjectIndex) {
    this.byKey = from?.byKey.fork() ?? new LayeredMap();
    this.byUid = from?.byUid.fork() ?? new LayeredMap();
    this.byResource = from?.byResource.fork() ?? new Groups();
    this.byOwner = from?.byOwner.fork() ?? new Groups();
    this.byNode = from?.byNode.fork() ?? new Groups();
    this.byNamespace = from?.byNamespace.fork() ?? new Groups();
    this.byRule = from?.byRule.fork() ?? new Groups();
  }

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
    return controlledAmong(this.byOwner.list(uid), uid);
  }

  ownedInAnyWayBy(uid: string): readonly DesiredObject[] {
    return this.byOwner.list(uid);
  }

  inNamespace(namespace: string): readonly DesiredObject[] {
    return this.byNamespace.list(namespace);
  }

  /** The empty text is the group of pods without a binding. */
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
      for (const [groups, name] of this.places(before)) groups.delete(name, key);
    }
    if (after === undefined) return;
    this.byKey.set(key, after);
    this.byUid.set(after.uid, key);
    for (const [groups, name] of this.places(after)) groups.set(name, after);
  }

  private places(desired: DesiredObject): [Groups<DesiredObject>, string][] {
    const { resource, namespace } = parseObjectKey(desired.key);
    const places: [Groups<DesiredObject>, string][] = [[this.byResource, resource]];
    if (namespace !== '') places.push([this.byNamespace, namespace]);
    for (const owner of desired.object.metadata.ownerReferences ?? []) places.push([this.byOwner, owner.uid]);
    if (resource === 'pods') places.push([this.byNode, boundNode(desired) ?? '']);
    if (resource === 'pods' && requiredAntiAffinity(desired).length > 0) places.push([this.byRule, '']);
    return places;
  }
}
