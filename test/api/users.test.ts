import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiWorld, apiWorld } from './support/world.ts';

const given: unknown[] = [];
let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
  world.deps.kith.kubeconfig = async (...args) => `${given.push(args)}`;
});
afterEach(async () => {
  await world.stop();
});

describe('users', () => {
  it('get a kubeconfig with the groups that they are to have, and no others', async () => {
    expect((await world.call('POST', '/kith.dev/v1/users', { name: 'ann', groups: ['dev'] })).status).toBe(201);
    expect((await world.call('POST', '/kith.dev/v1/users', { name: 'bob', credential: 'token' })).status).toBe(201);
    expect((await world.call('GET', '/kith.dev/v1/kubeconfig')).status).toBe(200);
    expect(given).toEqual([
      ['ann', 'certificate', ['dev']],
      ['bob', 'token', []],
      ['admin', 'certificate', ['system:masters']],
    ]);
  });

  it.each([
    {},
    { name: '' },
    { name: 'system:kube-scheduler' },
    { name: 'a,b' },
    { name: 'a\nb' },
    { name: 'a', groups: 'dev' },
    { name: 'a', groups: ['x/y'] },
    { name: 'a', credential: 'password' },
  ])('are not made of %j', async (body) => {
    expect((await world.call('POST', '/kith.dev/v1/users', body)).status).toBe(400);
  });
});
