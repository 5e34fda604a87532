import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiWorld, apiWorld, podManifest } from './support/world.ts';

const PODS = '/api/v1/namespaces/default/pods';
const MERGE = { 'content-type': 'application/merge-patch+json' };
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
});
afterEach(async () => {
  await world.stop();
});

const create = (name: string) => world.call('POST', PODS, podManifest(name));
const label = (name: string, labels: Record<string, string | null>) =>
  world.call('PATCH', `${PODS}/${name}`, { metadata: { labels } }, MERGE);

describe('watching', () => {
  it('sends what is there first when no version is given, then what happens', async () => {
    await create('a');
    const stream = await world.open(`${PODS}?watch=true`);
    expect(stream.headers['content-type']).toBe('application/json');
    expect(await stream.next()).toMatchObject({ type: 'ADDED', object: { kind: 'Pod', metadata: { name: 'a' } } });
    await create('b');
    await label('a', { app: 'other' });
    await world.call('DELETE', `${PODS}/b`);
    const lines = await stream.take(3);
    expect(lines.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual(['ADDED b', 'MODIFIED a', 'DELETED b']);
    stream.close();
  });

  it('goes on after a version, without what that version showed', async () => {
    await create('a');
    const { resourceVersion } = (await world.call('GET', PODS)).body.metadata as { resourceVersion: string };
    await create('b');
    const stream = await world.open(`${PODS}?watch=1&resourceVersion=${resourceVersion}`);
    expect((await stream.next()).object.metadata.name).toBe('b');
    stream.close();
  });

  it('answers 410 to versions that are not of this peer, or gone', async () => {
    for (const version of ['12345', '99999999999999999999', 'abc']) {
      const answer = await world.call('GET', `${PODS}?watch=true&resourceVersion=${version}`);
      expect(answer.body).toMatchObject({ code: 410, reason: 'Expired' });
    }
  });

  it('sees only its namespace, and its name', async () => {
    const stream = await world.open(`${PODS}?watch=true&fieldSelector=metadata.name%3Db`);
    await world.call('POST', '/api/v1/namespaces/other/pods', podManifest('b'));
    await create('a');
    await create('b');
    expect((await stream.next()).object.metadata).toMatchObject({ name: 'b', namespace: 'default' });
    stream.close();
    const one = await world.open(`${PODS}/b?watch=true`);
    expect((await one.next()).object.metadata.name).toBe('b');
    one.close();
  });

  it('turns starting and stopping to match into ADDED and DELETED', async () => {
    await create('a');
    const stream = await world.open(`${PODS}?watch=true&labelSelector=tier%3Dfront`);
    await label('a', { tier: 'front' });
    await label('a', { app: 'x' });
    await label('a', { tier: 'back' });
    await label('a', { app: 'y' });
    await label('a', { tier: 'front' });
    const lines = await stream.take(4);
    expect(lines.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED', 'ADDED']);
    const gone = lines[2]?.object.metadata;
    expect(gone?.labels).toEqual({ app: 'x', tier: 'front' });
    expect(BigInt(gone?.resourceVersion ?? 0)).toBeGreaterThan(BigInt(lines[1]?.object.metadata.resourceVersion ?? 0));
    stream.close();
  });

  it('sends tables of one row, with the columns once', async () => {
    await create('a');
    const stream = await world.open(`${PODS}?watch=true`, TABLE);
    await create('b');
    const [first, second] = await stream.take(2);
    expect(first?.object).toMatchObject({ kind: 'Table', rows: [{ object: { metadata: { name: 'a' } } }] });
    expect(first?.object.columnDefinitions?.[0]?.name).toBe('Name');
    expect(second?.object.columnDefinitions).toBeNull();
    expect(second?.object.rows?.[0]?.cells[0]).toBe('b');
    stream.close();
  });

  it('ends in order after timeoutSeconds', async () => {
    const stream = await world.open(`${PODS}?watch=true&timeoutSeconds=1`);
    expect((await stream.lines.next()).done).toBe(true);
  });

  it('ends in order when the server stops', async () => {
    const stream = await world.open(`${PODS}?watch=true`);
    await create('a');
    await stream.next();
    const ended = stream.lines.next();
    await world.server.stop();
    expect((await ended).done).toBe(true);
  });
});

describe('the initial events of a watch', () => {
  const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

  it('are ended by a bookmark that carries their version', async () => {
    await create('a');
    const stream = await world.open(`${PODS}?${query}`);
    const [added, bookmark] = await stream.take(2);
    expect(added?.type).toBe('ADDED');
    expect(bookmark).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: 'Pod', apiVersion: 'v1', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
    expect(bookmark?.object.metadata.resourceVersion).toBe(world.cache.list('pods').resourceVersion);
    await create('b');
    expect((await stream.next()).object.metadata.name).toBe('b');
    stream.close();
  });

  it('are refused with 410 for a version of another peer, and sent for one of ours', async () => {
    expect((await world.call('GET', `${PODS}?${query}&resourceVersion=12345`)).body.code).toBe(410);
    const stream = await world.open(`${PODS}?${query}&resourceVersion=${world.cache.resourceVersion()}`);
    expect((await stream.next()).type).toBe('BOOKMARK');
    stream.close();
  });

  it('are refused with 422 when the parameters do not fit, never ignored', async () => {
    for (const wrong of [
      'sendInitialEvents=true',
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch=Exact',
    ]) {
      expect((await world.call('GET', `${PODS}?watch=true&${wrong}`)).body).toMatchObject({ code: 422, reason: 'Invalid' });
    }
  });
});

describe('bookmarks', () => {
  it('come while nothing happens, and promise that everything up to them was sent', async () => {
    await world.stop();
    const pending: { delayMs: number; run: () => void }[] = [];
    const { systemClock } = await import('../../daemon/adapters/system/clock.ts');
    // Bookmark timers fire when the test says so.
    const clock = {
      ...systemClock,
      after(delayMs: number, run: () => void) {
        if (delayMs < 60_000) return systemClock.after(delayMs, run);
        const timer = { delayMs, run };
        pending.push(timer);
        return () => void pending.splice(pending.indexOf(timer), 1);
      },
    };
    world = await apiWorld({ deps: { clock } });
    const stream = await world.open(`${PODS}?watch=true&allowWatchBookmarks=true`);
    const fire = async (): Promise<void> => {
      const isBookmark = ({ delayMs }: { delayMs: number }): boolean => delayMs === 60_000;
      while (!pending.some(isBookmark)) await new Promise((resolve) => setImmediate(resolve));
      pending.find(isBookmark)?.run();
    };
    await world.call('POST', '/api/v1/namespaces', { metadata: { name: 'elsewhere' } });
    await fire();
    const bookmark = await stream.next();
    expect(bookmark).toMatchObject({ type: 'BOOKMARK', object: { metadata: { resourceVersion: world.cache.resourceVersion() } } });
    // An event that is on its way when the timer fires comes before any bookmark of its version.
    world.desired.put('pods/default/late', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'late', namespace: 'default', uid: '', creationTimestamp: '' },
    });
    world.cache.changed(['pods/default/late']);
    await fire();
    expect((await stream.next()).type).toBe('ADDED');
    stream.close();
  });
});
