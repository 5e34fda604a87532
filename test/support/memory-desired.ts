import { compareSlots } from '../../daemon/core/desired/winners.ts';
import { KithError } from '../../protocol/errors.ts';
import { deriveUid } from '../../protocol/identity.ts';
import { jsonEqual } from '../../protocol/json.ts';
import type { Mutation, ReplicaChange } from '../../protocol/desired.ts';
import type { Binding, DesiredObject, ObjectKey, SlotState, StoredObject } from '../../protocol/objects.ts';

type Random = () => number;
/** Values that merge whole. */
const UNITS = [/^\/kith\/slots\/[^/]+$/, /^\/kith\/(binding|retired|outcome|slot)$/, /^\/kith\/facts\/[^/]+$/, /^\/spec\/template$/];

/** Desired state by the replica's rules, in a Map: mutations in batches, lives and graves, and the merge of two sides of a cut. */
export class MemoryDesired {
  readonly objects = new Map<ObjectKey, DesiredObject>();
  readonly buried = new Map<ObjectKey, number>();

  buriedLife(key: ObjectKey): number {
    return this.buried.get(key) ?? 0;
  }

  copy(): MemoryDesired {
    const copy = new MemoryDesired();
    for (const [key, object] of this.objects) copy.objects.set(key, object);
    for (const [key, life] of this.buried) copy.buried.set(key, life);
    return copy;
  }

  /** All or none, as the replica does. */
  write(mutations: readonly Mutation[]): ReplicaChange[] {
    const [objects, buried] = [new Map(this.objects), new Map(this.buried)];
    const changes: ReplicaChange[] = [];
    try {
      for (const mutation of mutations) {
        const before = this.objects.get(mutation.key);
        this.apply(mutation);
        changes.push({ key: mutation.key, before, after: this.objects.get(mutation.key) });
      }
      return changes;
    } catch (error) {
      this.restore(objects, buried);
      throw error;
    }
  }

  private restore(objects: Map<ObjectKey, DesiredObject>, buried: Map<ObjectKey, number>): void {
    this.objects.clear();
    this.buried.clear();
    for (const [key, object] of objects) this.objects.set(key, object);
    for (const [key, life] of buried) this.buried.set(key, life);
  }

  private apply(mutation: Mutation): void {
    const { key } = mutation;
    const current = this.objects.get(key);
    if (mutation.type === 'create') {
      if (current !== undefined && mutation.orMerge === true) return;
      if (current !== undefined) throw new KithError('AlreadyExists', `${key} already exists`);
      const life = this.buriedLife(key) + 1;
      const uid = deriveUid('test', key, life);
      this.put(key, life, uid, { ...mutation.object, metadata: { ...mutation.object.metadata, uid, generation: 1 } });
      return;
    }
    if (current === undefined) throw new KithError('NotFound', `${key} not found`);
    if (current.uid !== mutation.uid) throw new KithError('UidMismatch', `${key} has another uid`);
    if (mutation.type === 'bury') {
      this.objects.delete(key);
      this.buried.set(key, current.life);
      return;
    }
    const next = mergeValues(mutation.base, mutation.next, current.object, '', () => 0) as StoredObject;
    const moved = !jsonEqual(next.spec, current.object.spec);
    const generation = (current.object.metadata.generation ?? 1) + (moved ? 1 : 0);
    this.put(key, current.life, current.uid, { ...next, metadata: { ...next.metadata, generation } });
  }

  private put(key: ObjectKey, life: number, uid: string, object: StoredObject): void {
    const plain = structuredClone(object);
    this.objects.set(key, { key, life, uid, object: plain, heads: [], conflicts: [] });
  }

  /** Two sides that went apart at `base` become one. Where the rules leave it open, `random` chooses. */
  static merge(base: MemoryDesired, left: MemoryDesired, right: MemoryDesired, random: Random): MemoryDesired {
    const merged = new MemoryDesired();
    for (const side of [left, right]) {
      for (const [key, life] of side.buried) merged.buried.set(key, Math.max(merged.buriedLife(key), life));
    }
    for (const key of new Set([...left.objects.keys(), ...right.objects.keys()])) {
      const [one, other] = [left.objects.get(key), right.objects.get(key)];
      const survivors = [one, other].filter((each) => each !== undefined && each.life > merged.buriedLife(key));
      const life = Math.max(0, ...survivors.map((each) => each?.life ?? 0));
      const [first, second] = survivors.filter((each) => each?.life === life);
      if (first === undefined) continue;
      const ancestor = base.objects.get(key);
      const origin = ancestor?.life === life ? ancestor.object : undefined;
      const object = second === undefined ? first.object : (mergeValues(origin, first.object, second.object, '', random) as StoredObject);
      merged.put(key, life, first.uid, object);
    }
    return merged;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mergeValues(base: unknown, left: unknown, right: unknown, path: string, random: Random): unknown {
  if (jsonEqual(left, right)) return left;
  const unit = UNITS.some((pattern) => pattern.test(path));
  if (!unit && isRecord(left) && isRecord(right)) {
    const merged: Record<string, unknown> = {};
    for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
      const value = mergeValues(isRecord(base) ? base[name] : undefined, left[name], right[name], `${path}/${name}`, random);
      if (value !== undefined) merged[name] = value;
    }
    return merged;
  }
  if (!unit && (isRecord(left) || isRecord(right)) && jsonEqual(left ?? {}, {}) !== jsonEqual(right ?? {}, {})) {
    if (base === undefined) return left ?? right;
  }
  if (jsonEqual(base, left)) return right;
  if (jsonEqual(base, right)) return left;
  return decide(path, left, right, random);
}

function decide(path: string, left: unknown, right: unknown, random: Random): unknown {
  if (left === undefined || right === undefined) return left ?? right;
  if (path.startsWith('/kith/slots/')) return betterSlot(left as SlotState, right as SlotState);
  if (path === '/kith/binding') return betterBinding(left as Binding, right as Binding);
  return random() < 0.5 ? left : right;
}

function betterSlot(left: SlotState, right: SlotState): SlotState {
  return (compareSlots(left, right) || (JSON.stringify(left) > JSON.stringify(right) ? -1 : 1)) < 0 ? left : right;
}

function betterBinding(left: Binding, right: Binding): Binding {
  const order = { heir: 0, leader: 1, user: 2 };
  const compared =
    right.membersSeen - left.membersSeen ||
    right.term - left.term ||
    order[left.by] - order[right.by] ||
    left.rank - right.rank ||
    (left.node < right.node ? -1 : 1);
  return compared < 0 ? left : right;
}
