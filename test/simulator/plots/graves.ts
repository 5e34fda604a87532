import { deploymentOf, TARGETS } from '../workloads.ts';
import { allHosts, cutBetween, del, moments, post, scaleTo, STANDS_MS } from './plot.ts';
import type { Pen, Plot, Timed } from './plot.ts';

const NAMES = ['kept', 'early', 'late', 'again', 'unheard'];
/** All have told each other that they hold a grave by then: each asks one other every 3 s. */
const TOLD_MS = 25_000;

/**
 * Graves are collected while a member is away, for which all wait that has not heard of a deletion. It went before one deletion, and after others, whose names are used again
 * before it is back.
 */
export const collected: Plot = {
  name: 'collected',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const [away = 1, ...others] = draw.shuffled(allHosts(pen));
    const acts: Timed[] = [];
    const create = (at: number, name: string): void => {
      acts.push({ at, act: post(draw.pick(others), TARGETS.deployments, deploymentOf(draw, name), `create ${name}`) });
    };
    const remove = (at: number, name: string): void => {
      acts.push({ at, act: del(draw.pick(others), `${TARGETS.deployments}/${name}`, `delete ${name}`) });
    };
    for (const [index, name] of NAMES.entries()) create(700 + 100 * index, name);
    remove(STANDS_MS, 'early');
    remove(STANDS_MS + 200, 'again');
    // Some know by then that all hold the first graves, and some do not.
    const goesAt = STANDS_MS + draw.int(6_000, TOLD_MS);
    remove(goesAt - draw.int(500, 4_000), 'late');
    const awayMs = draw.int(50_000, 75_000);
    const how = draw.pick(['cut', 'power', 'crash'] as const);
    if (how === 'cut') acts.push({ at: goesAt, act: cutBetween([away], others, awayMs) });
    else if (how === 'power') acts.push({ at: goesAt, act: { do: 'powerCut', host: away, downMs: awayMs, disk: 'none' } });
    else acts.push({ at: goesAt, act: { do: 'crash', host: away, moment: 'now', downMs: awayMs, disk: 'none' } });
    remove(goesAt + draw.int(1_000, 5_000), 'unheard');
    const backAt = goesAt + awayMs;
    const usedAt = backAt - draw.int(1_000, 12_000);
    for (const name of draw.shuffled(['early', 'again', 'late'])) create(usedAt + draw.int(0, 900), name);
    if (draw.chance(0.5)) remove(backAt - draw.int(0, 800), 'again');
    // Who starts anew has to learn again who holds what.
    for (const at of moments(pen, draw.int(0, 2), STANDS_MS, backAt)) acts.push({ at, act: { do: 'restart', host: draw.pick(others) } });
    return { acts, stormMs: backAt + draw.int(2_000, 30_000), graves: 'hasty' };
  },
};

/** Of a storm in which graves are collected: somebody is away meanwhile, and a name is used again before it is back. */
export function awayMeanwhile(pen: Pen): Timed[] {
  const { draw } = pen;
  const [away = 1, ...others] = draw.shuffled(allHosts(pen));
  const by = (): number => (others.length > 0 ? draw.pick(others) : away);
  const goesAt = draw.int(10_000, TOLD_MS);
  const awayMs = draw.int(35_000, 50_000);
  const create = post(by(), TARGETS.deployments, deploymentOf(draw, 'passing'), 'create passing');
  const again = post(by(), TARGETS.deployments, deploymentOf(draw, 'passing'), 'create passing again');
  const remove = del(by(), `${TARGETS.deployments}/passing`, 'delete passing');
  const goes = draw.chance(0.5)
    ? cutBetween([away], others, awayMs)
    : ({ do: 'powerCut', host: away, downMs: awayMs, disk: 'none' } as const);
  return [
    { at: 1_000, act: create },
    { at: draw.int(STANDS_MS, 8_000), act: remove },
    { at: goesAt, act: goes },
    { at: goesAt + awayMs - draw.int(500, 6_000), act: again },
    { at: goesAt + awayMs + draw.int(0, 3_000), act: scaleTo(away, 'deployments', 'passing', draw.int(0, 4)) },
  ];
}
