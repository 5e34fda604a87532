import { afterEach, describe, expect, it } from 'vitest';
import { MAX_UNSEEN_KEYS, ObjectCache, type ObjectCacheOptions } from '../../daemon/peer/object-cache.ts';
import type { Clock } from '../../daemon/ports/clock.ts';
import type { ObjectEvent } from '../../daemon/ports/objects.ts';
import type { KubeObject, ObjectKey } from '../../protocol/objects.ts';
import { objectKey } from '../../protocol/objects.ts';

/** 2026-01-01 */
const START_MS = 1_767_225_600_000;

class HandClock implements Clock {
  ms = START_MS;
  private timers: { at: number; run: () => void }[] = [];
  now(): number {
    return this.ms;
  }
  monotonic(): number {
    return this.ms - START_MS;
  }
  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.ms + delayMs, run };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((other) => other !== timer));
  }
  advance(ms: number): void {
    const end = this.ms + ms;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= end).sort((left, right) => left.at - right.at)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.ms = Math.max(this.ms, next.at);
      next.run();
    }
    this.ms = end;
  }
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function world(options: Partial<ObjectCacheOptions> = {}) {
  const clock = new HandClock();
  const objects = new Map<ObjectKey, KubeObject>();
  const rendered: ObjectKey[] = [];
  const render = (key: ObjectKey): KubeObject | undefined => {
    rendered.push(key);
    return objects.get(key);
  };
  const exists = (key: ObjectKey): boolean => objects.has(key);
  const cache = new ObjectCache({ clock, render, exists }, { peerId: 'peer-a', ...options });
  await cache.start();
  stops.push(() => cache.stop());
  const put = (name: string, fields: object = {}, uid = `uid-${name}`, resource = 'pods'): void => {
    const key = objectKey(resource, 'default', name);
    objects.set(key, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', uid, creationTimestamp: '2026-01-01T00:00:00Z' },
      ...fields,
    });
    cache.changed([key]);
  };
  const remove = (name: string): void => {
    objects.delete(objectKey('pods', 'default', name));
    cache.changed([objectKey('pods', 'default', name)]);
  };
  const open = (version: string, resource = 'pods') => {
    const stop = new AbortController();
    return { events: cache.watch(resource, version, stop.signal)[Symbol.asyncIterator](), stop };
  };
  return { rendered, clock, cache, put, remove, open, key: (name: string) => objectKey('pods', 'default', name) };
}

async function take(events: AsyncIterator<ObjectEvent>, count: number): Promise<string[]> {
  const seen: string[] = [];
  while (seen.length < count) {
    const next = await events.next();
    if (next.done === true) break;
    seen.push(`${next.value.type} ${next.value.object.metadata.name}`);
  }
  return seen;
}

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe('ObjectCache', () => {
  it('shows a change to a read at once, and to a watcher after it settled', async () => {
    const { cache, put, open, clock, key } = await world();
    const { events } = open(cache.resourceVersion());
    put('web');
    expect(cache.get(key('web'))?.metadata.name).toBe('web');
    put('db');
    const both = take(events, 2);
    clock.advance(10);
    expect(await both).toEqual(['ADDED web', 'ADDED db']);
  });

  it('asks for the names of a resource when somebody asks about it for the first time, and remembers none before', async () => {
    const clock = new HandClock();
    const shown = new Set(['web', 'db']);
    const asked: string[] = [];
    const render = (key: ObjectKey): KubeObject | undefined => {
      const name = key.split('/').at(-1) ?? '';
      if (!shown.has(name)) return undefined;
      return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', uid: name, creationTimestamp: '' } };
    };
    const keys = (resource: string): ObjectKey[] => {
      asked.push(resource);
      return [...shown].map((name) => objectKey(resource, 'default', name));
    };
    const cache = new ObjectCache({ clock, render, keys }, { peerId: 'peer-a' });
    await cache.start();
    stops.push(() => cache.stop());
    const names = (): string[] => cache.list('pods').items.map(({ metadata }) => metadata.name);
    cache.changed([objectKey('pods', 'default', 'gone-again')]);
    expect(asked).toEqual([]);
    expect(names()).toEqual(['db', 'web']);
    const { resourceVersion } = cache.list('pods');
    const events = cache.watch('pods', resourceVersion, new AbortController().signal)[Symbol.asyncIterator]();
    shown.add('new');
    shown.delete('db');
    cache.changed(['new', 'db'].map((name) => objectKey('pods', 'default', name)));
    const both = take(events, 2);
    clock.advance(10);
    expect(await both).toEqual(['ADDED new', 'DELETED db']);
    expect(names()).toEqual(['new', 'web']);
    expect(asked).toEqual(['pods']);
  });

  it('looks at nothing that nobody reads or watches', async () => {
    const { cache, put, open, clock, rendered, key } = await world();
    const { events } = open(cache.resourceVersion(), 'deployments.apps');
    put('web');
    put('db');
    clock.advance(1_000);
    expect(rendered).toEqual([]);
    cache.get(key('db'));
    expect(rendered).toEqual([key('db')]);
    put('web', {}, 'uid-web', 'deployments.apps');
    clock.advance(10);
    expect(await take(events, 1)).toEqual(['ADDED web']);
    expect(rendered).not.toContain(key('web'));
    expect(cache.list('pods').items.map(({ metadata }) => metadata.name)).toEqual(['db', 'web']);
  });

  it('keeps no more than so many names of what nobody has looked at', async () => {
    const { clock, rendered, put } = await world();
    for (let index = 0; index < MAX_UNSEEN_KEYS + 700; index += 1) put(`pod-${index}`);
    clock.advance(1_000);
    expect(rendered).toHaveLength(700);
  });

  it('remembers nothing of what came and went unseen, and lets go of what was seen within a minute', async () => {
    const { cache, clock, rendered, put, remove, open, key } = await world();
    for (let index = 0; index < 100; index += 1) {
      put(`job-${index}`);
      remove(`job-${index}`);
    }
    put('seen');
    const { metadata } = cache.get(key('seen'))!;
    put('changed');
    remove('seen');
    rendered.length = 0;
    clock.advance(61_000);
    expect(rendered).toEqual([key('changed'), key('seen')]);
    expect(cache.list('pods').items).toHaveLength(1);
    expect(rendered).toHaveLength(2);
    const { events } = open(metadata.resourceVersion!);
    expect(await take(events, 2)).toEqual(['ADDED changed', 'DELETED seen']);
  });

  it('gives an object that shows the same as before neither a version nor an event', async () => {
    const { cache, put } = await world();
    put('web', { spec: { a: 1, b: 2 } });
    const version = cache.resourceVersion();
    put('web', { spec: { b: 2, a: 1 } });
    expect(cache.resourceVersion()).toBe(version);
    put('web', { spec: { b: 3, a: 1 } });
    expect(BigInt(cache.resourceVersion())).toBeGreaterThan(BigInt(version));
  });

  it('lists with the version that the items are at, so that a watch from it misses nothing', async () => {
    const { cache, put, open, remove } = await world();
    put('b');
    put('a');
    const list = cache.list('pods', 'default');
    expect(list.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(cache.list('pods', 'other').items).toEqual([]);
    expect(list.items.some(({ metadata }) => metadata.resourceVersion === list.resourceVersion)).toBe(true);
    put('a', { spec: 1 });
    remove('b');
    const { events } = open(list.resourceVersion);
    expect(await take(events, 2)).toEqual(['MODIFIED a', 'DELETED b']);
  });

  it('tells the last state and a version of its own with a deletion', async () => {
    const { cache, put, remove, open, key } = await world();
    put('web', { spec: 'last' });
    const before = cache.get(key('web'))?.metadata.resourceVersion ?? '';
    const { events } = open(before);
    remove('web');
    cache.resourceVersion();
    const event = (await events.next()).value as ObjectEvent;
    expect(event.type).toBe('DELETED');
    expect(event.object['spec']).toBe('last');
    expect(BigInt(event.object.metadata.resourceVersion ?? 0)).toBeGreaterThan(BigInt(before));
    expect(event.before?.metadata.resourceVersion).toBe(before);
  });

  it('tells deletion and creation when a name is taken by another object, though nobody saw the moment between', async () => {
    const { cache, put, open } = await world();
    put('web', {}, 'first');
    const { events } = open(cache.resourceVersion());
    put('web', {}, 'second');
    cache.resourceVersion();
    expect(await take(events, 2)).toEqual(['DELETED web', 'ADDED web']);
  });

  it('goes on from every version that it gave out, and from no other', async () => {
    const { cache, put, open } = await world();
    const versions = [cache.resourceVersion()];
    for (const name of ['a', 'b', 'c']) {
      put(name);
      versions.push(cache.resourceVersion());
    }
    expect(await take(open(versions[1] ?? '').events, 2)).toEqual(['ADDED b', 'ADDED c']);
    expect(await take(open(versions[0] ?? '').events, 3)).toEqual(['ADDED a', 'ADDED b', 'ADDED c']);
    const signal = new AbortController().signal;
    const next = (BigInt(versions[2] ?? 0) + 1n).toString();
    for (const wrong of [next, '0', '', 'abc', '12345', '-1', '99999999999999999999999']) {
      expect(codeOf(() => cache.watch('pods', wrong, signal))).toBe('Expired');
    }
  });

  it('gives out no version of metrics, from which no watch could go on', async () => {
    const { cache, clock, put, open } = await world();
    put('web');
    const before = cache.resourceVersion();
    put('web', {}, 'uid-use', 'pods.metrics.k8s.io');
    expect(cache.list('pods.metrics.k8s.io').items).toHaveLength(1);
    const { resourceVersion } = cache.list('pods');
    expect(resourceVersion).toBe(before);
    const { events, stop } = open(resourceVersion);
    put('api');
    clock.advance(10);
    expect(await take(events, 1)).toEqual(['ADDED api']);
    stop.abort();
  });

  it('refuses the versions of another peer, even of the same moment', async () => {
    const mine = await world();
    const theirs = await world({ peerId: 'peer-b' });
    for (const peer of [mine, theirs]) peer.put('web');
    const signal = new AbortController().signal;
    expect(codeOf(() => mine.cache.watch('pods', theirs.cache.resourceVersion(), signal))).toBe('Expired');
  });

  it('gives growing versions below 2^63, also after a restart and when the clock goes back', async () => {
    let reserve: string | undefined;
    const first = await world({ persistVersion: (text) => (reserve = text) });
    let last = 0n;
    for (let round = 0; round < 50; round++) {
      first.put('web', { spec: round });
      const version = BigInt(first.cache.resourceVersion());
      expect(version).toBeGreaterThan(last);
      expect(version).toBeLessThan(2n ** 63n);
      last = version;
      if (round === 20) first.clock.ms -= 3_600_000;
    }
    const clockWentBack = new HandClock();
    clockWentBack.ms = START_MS - 86_400_000;
    const second = new ObjectCache({ clock: clockWentBack, render: () => undefined }, { peerId: 'peer-a', lastVersion: reserve });
    await second.start();
    stops.push(() => second.stop());
    expect(BigInt(second.resourceVersion())).toBeGreaterThan(last);
    expect(codeOf(() => second.watch('pods', last.toString(), new AbortController().signal))).toBe('Expired');
  });

  it('ends a watcher that is read too slowly, and keeps one whose resource is quiet', async () => {
    const { cache, put, open } = await world({ ringLimits: { events: 5, bytes: 1e9, ageMs: 1e9 } });
    const start = cache.resourceVersion();
    const slow = open(start);
    const quiet = open(start, 'nodes');
    const pending = quiet.events.next();
    for (let round = 0; round < 20; round++) {
      put('web', { spec: round });
      cache.resourceVersion();
    }
    await expect(slow.events.next()).rejects.toMatchObject({ code: 'Expired' });
    put('n1', {}, 'n1', 'nodes');
    cache.resourceVersion();
    expect((await pending).done).toBe(false);
    expect(codeOf(() => cache.watch('pods', start, new AbortController().signal))).toBe('Expired');
  });

  it('forgets events by size and by age, but never the newest version', async () => {
    const { cache, put, open, clock } = await world({ ringLimits: { events: 1000, bytes: 4000, ageMs: 60_000 } });
    const versions: string[] = [];
    for (let round = 0; round < 10; round++) {
      put('web', { spec: 'x'.repeat(1000) + round });
      versions.push(cache.resourceVersion());
    }
    const signal = new AbortController().signal;
    expect(codeOf(() => cache.watch('pods', versions[2] ?? '', signal))).toBe('Expired');
    expect(codeOf(() => cache.watch('pods', versions[8] ?? '', signal))).toBeUndefined();
    clock.advance(180_000);
    expect(codeOf(() => cache.watch('pods', versions[7] ?? '', signal))).toBe('Expired');
    expect(codeOf(() => open(cache.resourceVersion()))).toBeUndefined();
  });

  it('ends watches in order when their signal fires, and all of them on stop', async () => {
    const { cache, open } = await world();
    const first = open(cache.resourceVersion());
    const second = open(cache.resourceVersion());
    const [one, two] = [first.events.next(), second.events.next()];
    first.stop.abort();
    expect((await one).done).toBe(true);
    await cache.stop();
    expect((await two).done).toBe(true);
  });

  it('never drops, repeats or reorders, whatever is written and read in between', async () => {
    const { cache, put, remove, open, clock } = await world();
    const seed = 42;
    console.info(`seed ${seed}`);
    let state = seed;
    const random = (limit: number): number => (state = (state * 1103515245 + 12345) % 2147483648) % limit;
    const { events } = open(cache.resourceVersion());
    const mirror = new Map<string, string>();
    let last = 0n;
    const reader = (async () => {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        const { type, object } = next.value;
        const { name, resourceVersion = '0' } = object.metadata;
        expect(BigInt(resourceVersion)).toBeGreaterThan(last);
        last = BigInt(resourceVersion);
        expect(mirror.has(name)).toBe(type !== 'ADDED');
        if (type === 'DELETED') mirror.delete(name);
        else mirror.set(name, JSON.stringify(object['spec']));
      }
    })();
    for (let step = 0; step < 2000; step++) {
      const name = `p${random(8)}`;
      if (random(3) === 0) remove(name);
      else put(name, { spec: random(3) });
      if (random(5) === 0) cache.list('pods');
      if (random(5) === 0) clock.advance(7);
      if (random(4) === 0) await Promise.resolve();
    }
    clock.advance(10);
    const expected = cache.list('pods').items.map((item) => [item.metadata.name, JSON.stringify(item['spec'])]);
    while (last !== BigInt(cache.resourceVersion())) await new Promise((resolve) => setImmediate(resolve));
    await cache.stop();
    await reader;
    expect([...mirror].sort()).toEqual(expected);
  });
});
