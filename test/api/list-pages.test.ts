import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ListPages } from '../../daemon/api/list-pages.ts';
import { systemClock, systemRandom } from '../../daemon/adapters/system/clock.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import { type ApiWorld, apiWorld, podManifest } from './support/world.ts';

const PODS = '/api/v1/namespaces/default/pods';

describe('lists in parts', () => {
  let world: ApiWorld;
  beforeEach(async () => {
    world = await apiWorld();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await world.call('POST', PODS, podManifest(name));
  });
  afterEach(async () => {
    await world.stop();
  });

  it('show in all parts what there was when the first was read', async () => {
    const first = await world.call('GET', `${PODS}?limit=2`);
    const { continue: token, remainingItemCount, resourceVersion } = first.body.metadata;
    expect(remainingItemCount).toBe(3);
    await world.call('DELETE', `${PODS}/d`);
    await world.call('POST', PODS, podManifest('f'));
    const second = await world.call('GET', `${PODS}?limit=2&continue=${String(token)}`);
    expect(second.body.metadata).toMatchObject({ resourceVersion, remainingItemCount: 1 });
    const third = await world.call('GET', `${PODS}?limit=2&continue=${String(second.body.metadata['continue'])}`);
    expect(third.body.metadata).toEqual({ resourceVersion });
    const names = [first, second, third].flatMap(({ body }) => body.items.map(({ metadata }) => metadata.name));
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect((await world.call('GET', `${PODS}?continue=${String(token)}`)).body.items).toHaveLength(3);
  });

  it('take a token for the question that it was given for only', async () => {
    const { metadata } = (await world.call('GET', `${PODS}?limit=2`)).body;
    for (const query of [`continue=${String(metadata['continue'])}&labelSelector=app`, 'continue=abc.2', 'continue=nonsense']) {
      expect((await world.call('GET', `${PODS}?${query}`)).body).toMatchObject({ code: 410, reason: 'Expired' });
    }
  });
});

describe('the memory of lists', () => {
  const items = Array.from({ length: 10 }, (_, index) => ({ metadata: { name: `p${index}` } }) as KubeObject);
  const selected = { items, resourceVersion: '1' };

  it('is bounded in number and in time', () => {
    let now = 0;
    const pages = new ListPages({ clock: { ...systemClock, monotonic: () => now }, random: systemRandom });
    const tokens = Array.from({ length: 40 }, () => pages.first('q', selected, 1).continueToken ?? '');
    expect(() => pages.next('q', tokens[0] ?? '', 1)).toThrow('too old');
    expect(pages.next('q', tokens.at(-1) ?? '', 20).items).toHaveLength(9);
    now = 5 * 60_000;
    expect(() => pages.next('q', tokens.at(-1) ?? '', 1)).toThrow('too old');
  });
});
