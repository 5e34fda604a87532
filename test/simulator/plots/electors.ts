import { leaseSettings } from '../../../protocol/leases.ts';
import { livenessSettings } from '../../../protocol/liveness.ts';
import { onceController, onceSet, TARGETS_OF_KINDS } from '../kinds.ts';
import { allHosts, cutBetween, patch, post, type Pen, type Plot, type Timed } from './plot.ts';

/** An elector that is added or left out takes part after that. */
const { settleMs } = leaseSettings;

const SINGLE = `${TARGETS_OF_KINDS.controllers}/single`;

function runsOnce({ draw, host }: Pen): Timed[] {
  return [
    { at: 700, act: post(host(), TARGETS_OF_KINDS.controllers, onceController('single'), 'create single') },
    { at: 900, act: post(host(), TARGETS_OF_KINDS.statefulsets, onceSet('plain', draw.int(1, 2)), 'create plain') },
  ];
}

/** One of the only two that vote is to be removed, by the other, or by one that has just joined and does not vote yet; or is lost, and then removed. */
export const twoElectors: Plot = {
  name: 'twoElectors',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const acts = runsOnce(pen);
    // Of more than two the first two vote alone for a while.
    const at = pen.peers === 2 ? 2 * settleMs + draw.int(1_000, 5_000) : draw.int(1_200, 4_000);
    const third = 3;
    if (pen.peers === 2) acts.push({ at, act: { do: 'join', by: draw.int(1, 2) } });
    const goes = draw.int(1, 2);
    const by = draw.chance(0.6) ? third : 3 - goes;
    const removedAt = at + draw.int(2_000, 5_000);
    if (draw.chance(0.7)) acts.push({ at: removedAt, act: { do: 'remove', host: goes, by } });
    else acts.push({ at: removedAt, act: { do: 'lose', host: goes, removeAfterMs: draw.int(500, 8_000), by } });
    return { acts, stormMs: removedAt + 5 * settleMs, leases: true };
  },
};

/**
 * A host without power is confirmed dead, so that what it ran starts elsewhere at once; of two the other goes on alone. It comes back, runs such pods again, and is cut off: what was
 * said of it then holds no more.
 */
export const confirmedDead: Plot = {
  name: 'confirmedDead',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const acts = [...runsOnce(pen), { at: 1_500, act: patch(pen.host(), SINGLE, { spec: { replicas: 3 } }, 'scale single to 3') }];
    let at = Math.min(pen.peers, leaseSettings.electors) * settleMs;
    for (let count = draw.int(1, 2); count > 0; count -= 1) {
      const [host = 1, by = 2, ...others] = draw.shuffled(allHosts(pen));
      const downMs = draw.int(8_000, 30_000);
      const backAt = at + downMs;
      acts.push({ at, act: { do: 'powerCut', host, downMs, disk: 'none' } });
      acts.push({ at: at + draw.int(2_000, 6_000), act: { do: 'confirmDead', host, by } });
      // It runs something again: another dies, and it votes once more. Of two the other is back before it is dead.
      const againAt = backAt + draw.int(0, 1) * 2 * settleMs + draw.int(2_000, 6_000);
      const awayMs = others.length === 0 ? draw.int(100, 1_000) : draw.int(4_000, 9_000);
      acts.push({ at: againAt, act: { do: 'powerCut', host: by, downMs: awayMs, disk: 'none' } });
      const cutAt = againAt + draw.int(13_000, 20_000);
      acts.push({ at: cutAt, act: cutBetween([host], [by, ...others], draw.int(12_000, 25_000)) });
      at = cutAt + 40_000;
    }
    return { acts, stormMs: at, leases: true };
  },
};

/** A member that was not heard of since one's own start is dead after that. */
const UNSEEN_MS = livenessSettings.unseenDeadMs;

/** A pod that neither has yet is asked of both. */
function askedOfBoth(from: number): Timed[] {
  return [1, 2].map((host) => ({ at: from + host * 10, act: patch(host, SINGLE, { spec: { replicas: 3 } }, 'scale single to 3') }));
}

/**
 * Two hosts are cut off from each other, and neither may go on. Or one is confirmed dead and the other goes on alone, and when that one is off, too, the first comes back: it has not heard
 * who votes now, and must not go on by what a person says of the other, which comes back behind a cut.
 */
export const eachAlone: Plot = {
  name: 'eachAlone',
  leastPeers: 2,
  mostPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const acts = runsOnce(pen);
    const at = 2 * settleMs + draw.int(1_000, 4_000);
    if (draw.chance(0.4)) {
      acts.push({ at, act: cutBetween([1], [2], draw.int(20_000, 35_000)) }, ...askedOfBoth(at + 8_000));
      return { acts, stormMs: at + 40_000, leases: true };
    }
    const first = draw.int(1, 2);
    const other = 3 - first;
    const firstBack = at + draw.int(24_000, 30_000);
    const otherOff = firstBack - draw.int(3_000, 6_000);
    const confirmedAt = firstBack + UNSEEN_MS + draw.int(1_500, 4_000);
    const otherBack = confirmedAt + draw.int(3_000, 12_000);
    acts.push(
      { at, act: { do: 'powerCut', host: first, downMs: firstBack - at, disk: 'none' } },
      { at: at + draw.int(3_000, 6_000), act: { do: 'confirmDead', host: first, by: other } },
      { at: otherOff, act: { do: 'powerCut', host: other, downMs: otherBack - otherOff, disk: 'none' } },
      { at: otherOff + 1_000, act: cutBetween([1], [2], otherBack - otherOff + draw.int(15_000, 25_000)) },
      { at: confirmedAt, act: { do: 'confirmDead', host: other, by: first } },
    );
    acts.push(...askedOfBoth(otherBack + 4_000));
    return { acts, stormMs: otherBack + 35_000, leases: true };
  },
};
