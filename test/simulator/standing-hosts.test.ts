import { expect, it } from 'vitest';
import type { DesiredObject } from '../../protocol/objects.ts';
import { load } from './mass-failure.ts';
import { readyPods, standing, totals } from './measure.ts';

const PEERS = 6;
const PODS = 36;

it('hosts that are founded with what runs there hold it in common, start nothing, and say nothing of it again', async () => {
  const { world, measure } = await standing(PEERS, 1, async (founder, made, measured) => load(founder, made, measured, PODS));
  const starts: string[] = [];
  for (const host of world.hosts) host.runtime.onEvent = ({ what }) => void (what === 'start' ? starts.push(host.node) : undefined);
  const [first, ...others] = world.running().map(({ daemon }) => daemon);
  const told = (): number => totals(world).get('observed')?.messages ?? 0;
  await measure.until('all pods run everywhere', () => world.running().every(({ daemon }) => readyPods(daemon) === PODS));
  await world.clock.pass(10_000);
  expect(starts).toEqual([]);
  const pods = [...first!.replica.list('pods')];
  expect(pods).toHaveLength(PODS);
  for (const { replica, peer } of others) {
    for (const pod of pods) expect(replica.get(pod.key)).toBe(pod);
    expect(replica.digest()).toEqual(first!.replica.digest());
    expect(byKey(peer.view.list('pods'))).toEqual(byKey(first!.peer.view.list('pods')));
  }
  // Comparisons, which find nothing to fetch; no report is made anew.
  const reports = told();
  await world.clock.pass(10_000);
  expect(told() - reports).toBeLessThan(PEERS * 10);
  // What one changes is its own until the others hear of it.
  const [own] = others;
  await measure.wait('a write', own!.replica.write([{ type: 'bury', key: pods[0]!.key, uid: pods[0]!.uid, at: '2026-01-01T00:00:00Z' }]));
  expect(own!.replica.get(pods[0]!.key)).toBeUndefined();
  expect(first!.replica.get(pods[1]!.key)).toBe(pods[1]);
  await measure.until('all have heard of it', () => world.running().every(({ daemon }) => daemon.replica.get(pods[0]!.key) === undefined));
  await world.stop();
}, 60_000);

function byKey(objects: readonly DesiredObject[]): string[] {
  return objects.map(({ key, uid }) => `${key} ${uid}`).sort();
}
