import { allHosts, cutBetween, STANDS_MS, type Pen, type Plot, type Timed } from './plot.ts';

/** Until whoever joins is in, or others could be. */
const EPISODE_MS = 12_000;

/**
 * Hosts join while something goes wrong: two with one token, at once or one after the other; the member dies that lets one in; a host is removed and asks again with the token that it has; a
 * token is used after its time; members are cut off, or their disks slow.
 */
export const joins: Plot = {
  name: 'joins',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [];
    let at = STANDS_MS;
    let joined = pen.peers;
    for (let count = draw.int(3, 5); count > 0; count -= 1) {
      const by = pen.host();
      const episode = draw.weighted<Episode>([
        [3, twoAtOnce],
        [2, memberDies],
        [2, removedAgain],
        [1, tooLate],
        [1, cutOff],
      ]);
      const { acts: own, hosts } = episode(pen, by, joined + 1);
      for (const act of own) acts.push({ ...act, at: at + act.at });
      joined += hosts;
      at += EPISODE_MS;
    }
    return { acts, stormMs: at };
  },
};

/** @param next number of the host that joins first */
type Episode = (pen: Pen, by: number, next: number) => { acts: Timed[]; hosts: number };

const twoAtOnce: Episode = (pen, by) => {
  const { draw } = pen;
  const slow: Timed[] = draw.chance(0.7) ? [{ at: 0, act: { do: 'slowDisk', host: by, byMs: draw.int(100, 900), forMs: 5_000 } }] : [];
  // The token is there by then, and the first may be under way, or in.
  const after = 1_000 + draw.pick([0, 1, 20, 200, 1_000, 4_000]);
  const acts: Timed[] = [
    { at: 10, act: { do: 'join', by, waitMs: draw.int(900, 1_100) } },
    { at: after, act: { do: 'join', by: pen.host(), token: 'last' } },
  ];
  return { acts: [...slow, ...acts], hosts: 2 };
};

/** Its answer is lost, and the member written down or not: the next one that is asked has to bear that. */
const memberDies: Episode = ({ draw }, by) => {
  const crash: Timed = { at: 900, act: { do: 'crash', host: by, moment: 'afterWrite', downMs: draw.duration(500, 8_000), disk: 'none' } };
  return { acts: [{ at: 0, act: { do: 'join', by, waitMs: 1_000 } }, crash], hosts: 1 };
};

const removedAgain: Episode = (pen, by, next) => {
  const { draw } = pen;
  const acts: Timed[] = [
    { at: 0, act: { do: 'join', by } },
    { at: 5_000, act: { do: 'remove', host: next, by: pen.host() } },
    { at: 5_000 + draw.int(50, 3_000), act: { do: 'rejoin', host: next } },
    { at: 9_000, act: { do: 'rejoin', host: next } },
  ];
  return { acts, hosts: 1 };
};

const tooLate: Episode = ({ draw }, by) => ({
  acts: [{ at: 0, act: { do: 'join', by, ttlSeconds: draw.int(1, 2), waitMs: draw.int(1_500, 4_500) } }],
  hosts: 1,
});

const cutOff: Episode = (pen, by) => {
  const { draw } = pen;
  const others = allHosts(pen).filter((host) => host !== by);
  const cut = cutBetween([by], others, draw.int(2_000, 8_000));
  return {
    acts: [
      { at: draw.int(0, 1_200), act: cut },
      { at: 500, act: { do: 'join', by, waitMs: 600 } },
      { at: 2_500, act: { do: 'join', by: draw.pick(others), token: 'last' } },
    ],
    hosts: 2,
  };
};
