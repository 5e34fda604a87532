/**
 * A map whose copies cost what they change. A fork begins with all that is here and hears nothing of what comes later; both keep what they had in common once. Without forks
 * it is a plain map. Order is that of a `Map`.
 */
export class LayeredMap<Key, Value extends NonNullable<unknown>> {
  /** What forks have in common: nobody changes it. */
  private common: ReadonlyMap<Key, Value> | undefined;
  /** What came since, and what was replaced. */
  private own = new Map<Key, Value>();
  /** Of what is in common: what was taken out since, though it may have come again. */
  private gone: Set<Key> | undefined;
  /** Of the own: what replaces nothing that is in common. */
  private added = 0;

  constructor(common?: ReadonlyMap<Key, Value>) {
    this.common = common;
  }

  get size(): number {
    return this.common === undefined ? this.own.size : this.common.size - (this.gone?.size ?? 0) + this.added;
  }

  get(key: Key): Value | undefined {
    const own = this.own.get(key);
    if (own !== undefined || this.common === undefined || this.gone?.has(key) === true) return own;
    return this.common.get(key);
  }

  has(key: Key): boolean {
    return this.own.has(key) || this.isInCommon(key);
  }

  /** Whether the value was set here since the last fork. */
  owns(key: Key): boolean {
    return this.own.has(key);
  }

  set(key: Key, value: Value): this {
    if (this.common !== undefined && !this.has(key)) this.added += 1;
    this.own.set(key, value);
    return this;
  }

  delete(key: Key): boolean {
    const wasOwn = this.own.delete(key);
    if (this.isInCommon(key)) {
      (this.gone ??= new Set()).add(key);
      return true;
    }
    if (wasOwn) this.added -= this.common === undefined ? 0 : 1;
    return wasOwn;
  }

  keys(): Iterable<Key> {
    return this.common === undefined ? this.own.keys() : this.layered(this.common, (key) => key);
  }

  values(): Iterable<Value> {
    return this.common === undefined ? this.own.values() : this.layered(this.common, (_key, value) => value);
  }

  [Symbol.iterator](): Iterator<[Key, Value]> {
    if (this.common === undefined) return this.own[Symbol.iterator]();
    return this.layered(this.common, (key, value): [Key, Value] => [key, value]);
  }

  /** The first costs a walk through what is here, where there are layers already; one after the other, with nothing set in between, nothing. */
  fork(): LayeredMap<Key, Value> {
    if (this.own.size > 0 || this.gone !== undefined || this.common === undefined) {
      this.common = this.common === undefined ? this.own : new Map(this);
      this.own = new Map();
      this.gone = undefined;
      this.added = 0;
    }
    return new LayeredMap(this.common);
  }

  private isInCommon(key: Key): boolean {
    return this.common !== undefined && this.common.has(key) && this.gone?.has(key) !== true;
  }

  private *layered<Shown>(common: ReadonlyMap<Key, Value>, show: (key: Key, value: Value) => Shown): Generator<Shown> {
    for (const [key, value] of common) if (this.gone?.has(key) !== true) yield show(key, this.own.get(key) ?? value);
    for (const [key, value] of this.own) if (!this.isInCommon(key)) yield show(key, value);
  }
}
