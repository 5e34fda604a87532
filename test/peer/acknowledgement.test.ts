import { afterEach, beforeEach, expect, it } from 'vitest';
import { ACKNOWLEDGE_TIMEOUT_MS } from '../../daemon/peer/replication.ts';
import type { Answer } from '../support/peer-world.ts';
import { requestApi, warningOf } from '../support/peer-daemon.ts';
import { PeerWorld } from '../support/peer-world.ts';

const NAMESPACES = '/api/v1/namespaces';
let world: PeerWorld;
beforeEach(async () => {
  world = new PeerWorld(1);
  await world.found(2);
});
afterEach(() => world.stop());

/** Creates a namespace at the first host; answers with the warning and how long it took. */
async function write(name: string): Promise<{ warning: Answer['warning']; tookMs: number }> {
  const begun = world.clock.monotonic();
  const { status, warning } = await world.call(world.host(1), 'POST', NAMESPACES, { metadata: { name } });
  expect(status).toBe(201);
  return { warning, tookMs: world.clock.monotonic() - begun };
}

it('waits for a member whose link has just broken, until it is there again', async () => {
  const [one, two] = [world.host(1), world.host(2)];
  world.network.cut(one.id, two.id);
  world.clock.after(500, () => world.network.heal(one.id, two.id));
  const { warning, tookMs } = await write('soon');
  expect(warning).toBeUndefined();
  expect(tookMs).toBeGreaterThanOrEqual(500);
  expect(two.daemon.replica.get('namespaces//soon')).toBeDefined();
});

it('warns after two seconds when it stays away, and at once when it is known to be dead', async () => {
  const [one, two] = [world.host(1), world.host(2)];
  world.network.cut(one.id, two.id);
  const first = await write('first');
  expect(first.warning).toContain('no other member has confirmed it within 2 s');
  expect(first.tookMs).toBeGreaterThanOrEqual(ACKNOWLEDGE_TIMEOUT_MS);
  const dead = (): boolean => one.daemon.peer.view.members().some(({ peer, state }) => peer === two.id && state === 'dead');
  await world.until('it is dead', dead, 60_000);
  const second = await write('second');
  expect(second.warning).toContain('no other member can be reached');
  expect(second.tookMs).toBeLessThan(500);
});

it('is quick and silent for a host that has joined, at any moment, and when it is removed', async () => {
  const answers: (Answer['warning'] | number)[][] = [];
  let writing = true;
  const again = (): void => {
    const begun = world.clock.monotonic();
    const body = { metadata: { name: `n${answers.length}` } };
    void requestApi(world.host(1).daemon, 'POST', NAMESPACES, body).then((answer) => {
      answers.push([warningOf(answer), world.clock.monotonic() - begun]);
      if (writing) world.clock.after(20, again);
    });
  };
  again();
  const third = await world.join();
  await world.until('it is seen', () => answers.length > 20 && world.hosts.every((host) => world.sees(host, world.hosts)));
  writing = false;
  for (const [warning, tookMs] of answers) expect([warning, Number(tookMs) < 500]).toEqual([undefined, true]);
  for (const host of [third, world.host(2)]) {
    const { status, warning } = await world.call(world.host(1), 'DELETE', `/api/v1/nodes/${host.node}`);
    expect([status, warning]).toEqual([200, undefined]);
  }
  expect((await write('alone')).warning).toBeUndefined();
});
