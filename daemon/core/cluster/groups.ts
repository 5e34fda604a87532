import { LayeredMap } from './layered-map.ts';

/** A group of so many is a list, beyond that a map: a list is found through sooner than a map is kept, takes a fraction of its room, and can be handed out as it is. */
const LIST_UNTIL = 64;

interface Keyed {
  readonly key: string;
}

/** A group that is no list any more. Only its owner changes it. */
class LargeGroup<Value extends Keyed> {
  readonly members: LayeredMap<string, Value>;
  private listed: readonly Value[] | undefined;

  constructor(members: LayeredMap<string, Value>) {
    this.members = members;
  }

  set(value: Value): void {
    this.members.set(value.key, value);
    this.listed = undefined;
  }

  delete(key: string): void {
    this.members.delete(key);
    this.listed = undefined;
  }

  list(): readonly Value[] {
    return (this.listed ??= [...this.members.values()]);
  }
}

type Group<Value extends Keyed> = readonly Value[] | LargeGroup<Value>;

const NOTHING: readonly never[] = [];

/** Values by some text that many have. In each group in the order in which they came; lists are not changed once they were handed out. */
export class Groups<Value extends Keyed> {
  private readonly groups: LayeredMap<string, Group<Value>>;

  constructor(groups = new LayeredMap<string, Group<Value>>()) {
    this.groups = groups;
  }

  set(name: string, value: Value): void {
    const group = this.groups.get(name) ?? NOTHING;
    if (group instanceof LargeGroup) return this.ownLarge(name, group).set(value);
    const place = group.findIndex(({ key }) => key === value.key);
    if (place < 0 && group.length >= LIST_UNTIL) {
      const members = new LayeredMap<string, Value>();
      for (const member of [...group, value]) members.set(member.key, member);
      this.groups.set(name, new LargeGroup(members));
    } else this.groups.set(name, place < 0 ? group.concat(value) : group.with(place, value));
  }

  delete(name: string, key: string): void {
    const group = this.groups.get(name) ?? NOTHING;
    if (group instanceof LargeGroup) {
      const own = this.ownLarge(name, group);
      own.delete(key);
      if (own.members.size === 0) this.groups.delete(name);
      return;
    }
    const place = group.findIndex((member) => member.key === key);
    if (place < 0) return;
    if (group.length === 1) this.groups.delete(name);
    else this.groups.set(name, group.toSpliced(place, 1));
  }

  isEmpty(): boolean {
    return this.groups.size === 0;
  }

  /** The same list until the group changes. */
  list(name: string): readonly Value[] {
    const group = this.groups.get(name) ?? NOTHING;
    return group instanceof LargeGroup ? group.list() : group;
  }

  /** The same, without making a list of what is none. */
  values(name: string): Iterable<Value> {
    const group = this.groups.get(name) ?? NOTHING;
    return group instanceof LargeGroup ? group.members.values() : group;
  }

  *all(): Iterable<Value> {
    for (const name of this.groups.keys()) yield* this.values(name);
  }

  fork(): Groups<Value> {
    return new Groups(this.groups.fork());
  }

  private ownLarge(name: string, group: LargeGroup<Value>): LargeGroup<Value> {
    if (this.groups.owns(name)) return group;
    const own = new LargeGroup(group.members.fork());
    this.groups.set(name, own);
    return own;
  }
}
