import { KithError } from '../../protocol/errors.ts';
import { jsonEqual } from '../../protocol/json.ts';
import { METRICS_GROUP } from '../../protocol/kinds/stored/metrics.ts';
import { type GroupResource, type KubeObject, type ObjectKey, resourceOf } from '../../protocol/objects.ts';
import { jsonText } from '../core/json-text.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { ObjectEvent, ObjectSource } from '../ports/objects.ts';
import { EventRing, RING_LIMITS, type RingLimits } from './event-ring.ts';
import { ObjectWatcher } from './object-watcher.ts';
import { VersionClock } from './version-clock.ts';

/** Changes that come close together are shown to watchers at once. Reads never wait for it. */
const SETTLE_MS = 5;
/** Keys rendered in one go for watchers, so that a burst does not hold up the loop. */
const RENDER_BATCH_KEYS = 500;
/** Of one resource: more are looked at though nobody asks, since names of what is gone again would pile up. */
export const MAX_UNSEEN_KEYS = 50_000;
/** Also: how often what was read and is gone since is let go where nobody watches. */
const EVICT_EVERY_MS = 60_000;
/** Watches at one time, all resources together. */
export const MAX_WATCHERS = 2_000;

interface CachedObject {
  object: KubeObject;
  /** Of its JSON, about. */
  bytes: number;
}

export interface ObjectCacheDeps {
  /** The object as the API shows it, without resourceVersion; undefined when there is none. Must return a new object whenever something changed. */
  render(key: ObjectKey): KubeObject | undefined;
  /** Under which something may be shown now: asked for when a resource is asked about for the first time, and not remembered before. Default: all that was called changed. */
  keys?(resource: GroupResource): Iterable<ObjectKey>;
  /** Whether there may be something to render: asked at each change, so it must be cheap. Left out: always. */
  exists?(key: ObjectKey): boolean;
  clock: Clock;
}

export interface ObjectCacheOptions {
  peerId: string;
  /** The last reserve that was persisted: versions go on above it. */
  lastVersion?: string;
  /** Called ahead of use; what it gets must be the next start's `lastVersion`. */
  persistVersion?: (reserve: string) => void;
  ringLimits?: RingLimits;
}

/**
 * Objects as the API shows them, with this peer's resourceVersions. `changed` says which keys to look at again; an object gets a new version and an event only
 * if it differs from what was shown before. Reads and the versions they carry always agree. What nobody reads or watches is not looked at: most peers of a wide
 * cluster serve nobody, and each change is told to all of them.
 */
export class ObjectCache implements ObjectSource {
  private readonly deps: ObjectCacheDeps;
  private readonly versions: VersionClock;
  private readonly ring: EventRing;
  private readonly byResource = new Map<GroupResource, Map<ObjectKey, CachedObject>>();
  /** Keys to look at again, once somebody asks. */
  private readonly dirty = new Map<GroupResource, Set<ObjectKey>>();
  /** Resources that somebody has asked about: of a wide cluster's hosts hardly any serves anybody, and names of all objects at each of them are many. */
  private readonly asked = new Set<GroupResource>();
  /** Resources of which something that was read is gone since; and those whose turn to be looked at has come for that. */
  private readonly seenGone = new Set<GroupResource>();
  private readonly overdue = new Set<GroupResource>();
  private readonly watchers = new Map<GroupResource, Set<ObjectWatcher>>();
  private watcherCount = 0;
  private newest = 0n;
  private cancelSettle: CancelTimer | undefined;
  private cancelEvict: CancelTimer | undefined;

  constructor(deps: ObjectCacheDeps, options: ObjectCacheOptions) {
    this.deps = deps;
    this.versions = new VersionClock(options.peerId, options.lastVersion, options.persistVersion ?? (() => undefined));
    this.ring = new EventRing(options.ringLimits ?? RING_LIMITS);
  }

  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.newest = this.nextVersion();
    this.ring.begin(this.newest);
    this.scheduleEviction();
  }

  /** Ends every watch. */
  async stop(): Promise<void> {
    this.cancelSettle?.();
    this.cancelEvict?.();
    for (const watchers of this.watchers.values()) for (const watcher of [...watchers]) watcher.close();
  }

  /** Says that what these keys show may differ from now on. */
  changed(keys: Iterable<ObjectKey>): void {
    for (const key of keys) {
      const resource = resourceOf(key);
      if (this.deps.keys !== undefined && !this.asked.has(resource)) continue;
      const dirty = this.dirty.get(resource);
      if (this.deps.exists?.(key) === false) {
        // What is gone and nobody has seen need not be looked at: names of Jobs, their pods and Events would pile up where nobody lists them.
        if (this.byResource.get(resource)?.has(key) !== true) {
          dirty?.delete(key);
          continue;
        }
        this.seenGone.add(resource);
      }
      if (dirty === undefined) this.dirty.set(resource, new Set([key]));
      else dirty.add(key);
    }
    if (this.isAwaited()) this.scheduleSettle();
  }

  get(key: ObjectKey): KubeObject | undefined {
    const resource = resourceOf(key);
    this.ask(resource);
    if (this.dirty.get(resource)?.delete(key) === true) this.refresh(resource, key);
    return this.byResource.get(resource)?.get(key)?.object;
  }

  list(resource: GroupResource, namespace?: string): { items: readonly KubeObject[]; resourceVersion: string } {
    this.ask(resource);
    this.settle(resource);
    const items: KubeObject[] = [];
    for (const { object } of this.byResource.get(resource)?.values() ?? []) {
      if (namespace === undefined || object.metadata.namespace === namespace) items.push(object);
    }
    items.sort(byNamespaceAndName);
    return { items, resourceVersion: this.newest.toString() };
  }

  watch(resource: GroupResource, resourceVersion: string, signal: AbortSignal): AsyncIterable<ObjectEvent> {
    this.ask(resource);
    this.settle(resource);
    const version = /^[1-9][0-9]{0,18}$/.test(resourceVersion) ? BigInt(resourceVersion) : undefined;
    const sequence = version === undefined ? undefined : this.ring.sequenceAfter(version);
    if (sequence === undefined) {
      throw new KithError('Expired', `too old resource version: ${resourceVersion} is not one that this peer can resume from; list again`);
    }
    if (this.watcherCount >= MAX_WATCHERS) {
      throw new KithError('TooManyRequests', `this peer serves ${MAX_WATCHERS} watches already; close some or ask another peer`);
    }
    const watcher = new ObjectWatcher(this.ring, resource, sequence, signal, () => this.forget(resource, watcher));
    if (signal.aborted) return watcher;
    const watchers = this.watchers.get(resource) ?? new Set();
    this.watchers.set(resource, watchers.add(watcher));
    this.watcherCount += 1;
    return watcher;
  }

  resourceVersion(): string {
    for (const resource of this.dirty.keys()) this.settle(resource);
    return this.newest.toString();
  }

  private ask(resource: GroupResource): void {
    if (this.deps.keys === undefined || this.asked.has(resource)) return;
    this.asked.add(resource);
    this.dirty.set(resource, new Set(this.deps.keys(resource)));
  }

  private forget(resource: GroupResource, watcher: ObjectWatcher): void {
    if (this.watchers.get(resource)?.delete(watcher) === true) this.watcherCount -= 1;
  }

  /** How many keys of the resource are to be looked at now. */
  private due(resource: GroupResource, dirty: ReadonlySet<ObjectKey>): number {
    const isWatched = (this.watchers.get(resource)?.size ?? 0) > 0;
    return isWatched || this.overdue.has(resource) ? dirty.size : Math.max(0, dirty.size - MAX_UNSEEN_KEYS);
  }

  private isAwaited(): boolean {
    for (const [resource, dirty] of this.dirty) if (this.due(resource, dirty) > 0) return true;
    return false;
  }

  private scheduleSettle(): void {
    this.cancelSettle ??= this.deps.clock.after(SETTLE_MS, () => {
      this.cancelSettle = undefined;
      let left = RENDER_BATCH_KEYS;
      for (const [resource, dirty] of this.dirty) left -= this.settle(resource, Math.min(left, this.due(resource, dirty)));
      if (this.isAwaited()) this.scheduleSettle();
    });
  }

  private scheduleEviction(): void {
    this.cancelEvict = this.deps.clock.after(EVICT_EVERY_MS, () => {
      this.ring.evict(this.deps.clock.monotonic());
      for (const resource of this.seenGone) this.overdue.add(resource);
      this.seenGone.clear();
      if (this.isAwaited()) this.scheduleSettle();
      this.scheduleEviction();
    });
  }

  /** @returns how many keys it looked at */
  private settle(resource: GroupResource, atMost = Number.POSITIVE_INFINITY): number {
    const dirty = this.dirty.get(resource);
    if (dirty === undefined) return 0;
    let done = 0;
    for (const key of dirty) {
      if (done >= atMost) break;
      done += 1;
      dirty.delete(key);
      this.refresh(resource, key);
    }
    if (dirty.size === 0) this.overdue.delete(resource);
    return done;
  }

  private refresh(resource: GroupResource, key: ObjectKey): void {
    const cached = this.byResource.get(resource) ?? new Map<ObjectKey, CachedObject>();
    this.byResource.set(resource, cached);
    const before = cached.get(key);
    const rendered = this.deps.render(key);
    if (before !== undefined && (rendered === undefined || rendered.metadata.uid !== before.object.metadata.uid)) {
      // Another uid is another object, though nobody saw the moment between the two.
      cached.delete(key);
      const version = this.nextVersion();
      this.append(
        version,
        resource,
        { type: 'DELETED', object: withVersion(before.object, version.toString()), before: before.object },
        before.bytes,
      );
    }
    if (rendered === undefined) return;
    const current = cached.get(key);
    // Compared with the version that it has: most of what is looked at again shows nothing new.
    if (current !== undefined && jsonEqual(withVersion(rendered, current.object.metadata.resourceVersion), current.object)) return;
    const version = this.nextVersion();
    const object = withVersion(rendered, version.toString());
    // Who lists or watches is sent the same text.
    const bytes = jsonText(object).length;
    cached.set(key, { object, bytes });
    const type = current === undefined ? 'ADDED' : 'MODIFIED';
    this.append(version, resource, { type, object, before: current?.object }, bytes);
  }

  private nextVersion(): bigint {
    return this.versions.next(this.deps.clock.now());
  }

  private append(version: bigint, resource: GroupResource, event: ObjectEvent, bytes: number): void {
    // Nobody can watch them, and they change all the time: they would drive out what watches resume from. Nor may a list give out a version that no watch knows.
    if (resource.endsWith(`.${METRICS_GROUP}`)) return;
    this.newest = version;
    const sequence = this.ring.append({ version, resource, event, bytes, at: this.deps.clock.monotonic() });
    for (const watcher of this.watchers.get(resource) ?? []) watcher.wake(sequence);
  }
}

function withVersion(object: KubeObject, resourceVersion: string | undefined): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

function byNamespaceAndName(left: KubeObject, right: KubeObject): number {
  return compareText(left.metadata.namespace ?? '', right.metadata.namespace ?? '') || compareText(left.metadata.name, right.metadata.name);
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
