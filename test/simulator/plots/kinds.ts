import { daemonsOf, jobOf, setOf, TARGETS_OF_KINDS } from '../kinds.ts';
import type { Act } from '../scenario.ts';
import { IMAGES } from '../workloads.ts';
import { cutBetween, drawSides, moments, patch, post, STANDS_MS, type Pen, type Plot, type Timed } from './plot.ts';

/** Numbered pods, daemons and Jobs, changed while hosts die, are cut off and join. */
export const otherKinds: Plot = {
  name: 'otherKinds',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const { statefulsets, daemonsets, jobs } = TARGETS_OF_KINDS;
    const management = draw.pick(['OrderedReady', 'Parallel'] as const);
    const make = (at: number, target: string, body: object, name: string): Timed => ({
      at,
      act: post(pen.host(), target, body, `create ${name}`),
    });
    const acts: Timed[] = [
      make(700, statefulsets, setOf('numbered', draw.int(1, 3), management, draw.pick(IMAGES)), 'numbered'),
      make(900, daemonsets, daemonsOf('each', draw.pick(IMAGES)), 'each'),
      make(1_100, jobs, jobOf('counted', draw.int(3, 8), draw.int(1, 3), false), 'counted'),
      make(draw.int(1_300, 12_000), jobs, jobOf('parts', draw.int(2, 6), draw.int(1, 3), true), 'parts'),
    ];
    for (const at of moments(pen, draw.int(1, 4), STANDS_MS + 1_000, 30_000)) acts.push({ at, act: drawChange(pen) });
    for (const at of moments(pen, draw.int(1, 4), STANDS_MS, 30_000)) acts.push({ at, act: drawTrouble(pen) });
    return { acts, stormMs: 45_000 };
  },
};

function drawChange(pen: Pen): Act {
  const { draw } = pen;
  const image = draw.pick(IMAGES);
  const name = draw.pick(['numbered', 'each']);
  const target = `${name === 'each' ? TARGETS_OF_KINDS.daemonsets : TARGETS_OF_KINDS.statefulsets}/${name}`;
  if (name === 'numbered' && draw.chance(0.5)) {
    const replicas = draw.int(0, 4);
    return patch(pen.host(), target, { spec: { replicas } }, `scale ${name} to ${replicas}`);
  }
  const containers = [{ name: 'main', image, resources: { requests: { cpu: '50m' } } }];
  return patch(pen.host(), target, { spec: { template: { spec: { containers } } } }, `set the image of ${name} to ${image}`);
}

function drawTrouble(pen: Pen): Act {
  const { draw } = pen;
  const host = pen.host();
  const forMs = draw.int(2_000, 25_000);
  return draw.weighted<() => Act>([
    [3, () => (pen.peers > 1 ? cutBetween(...drawSides(pen), forMs) : { do: 'restart', host })],
    [2, () => ({ do: 'crash', host, moment: 'now', downMs: forMs, disk: 'none' })],
    [3, () => ({ do: 'powerCut', host, downMs: forMs, disk: 'none' })],
    [1, () => ({ do: 'join', by: host })],
    [1, () => ({ do: 'deletePods', host, app: draw.pick(['numbered', 'each']), graceSeconds: 0 })],
    [1, () => ({ do: 'containersWiped', host })],
  ])();
}
