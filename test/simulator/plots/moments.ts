import { jobOf, TARGETS_OF_KINDS } from '../kinds.ts';
import { allHosts, cutBetween, del, farApart, post, scaleTo, STANDS_MS } from './plot.ts';
import type { Plot, Timed } from './plot.ts';

/** Long enough for a host that sees nobody to doubt (10 s), take its turn and start what it claimed. */
const ALONE_MS = { least: 17_000, most: 30_000 };

/** A cut heals while gossip is lost: that a node refutes its death is heard by its beats, what it says of its pods in its new incarnation comes later. */
export const deafHeal: Plot = {
  name: 'deafHeal',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    // The founder leads, as a rule: the others choose another then, whose term is later and who judges what the few have claimed.
    const others = draw.shuffled(allHosts(pen).filter((host) => host !== 1));
    const count = draw.int(0, Math.floor((pen.peers - 1) / 2) - 1);
    const [few, many] = [[1, ...others.slice(0, count)], others.slice(count)];
    const forMs = draw.int(ALONE_MS.least, ALONE_MS.most);
    const acts: Timed[] = [
      { at: 700, act: scaleTo(pen.host(), 'deployments', 'web', 5) },
      { at: 800, act: scaleTo(pen.host(), 'replicasets', 'set', 5) },
      { at: STANDS_MS, act: cutBetween(few, many, forMs) },
      { at: STANDS_MS + forMs - 50, act: { do: 'deaf', loss: draw.pick([1, 0.9]), forMs: draw.int(4_000, 9_000) } },
    ];
    return { acts, stormMs: STANDS_MS + forMs + 12_000 };
  },
};

/** One host is alone and takes what it can not see; there it has ended meanwhile, and can not be started. What its hosts said before the cut is no word of that. */
export const endedMeanwhile: Plot = {
  name: 'endedMeanwhile',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    // The founder leads, as a rule: another that is alone begins a term, and leads all when the cut has healed.
    const [alone = 2, ...rest] = draw.shuffled(allHosts(pen).filter((host) => host !== 1));
    const others = [1, ...rest];
    const forMs = draw.int(ALONE_MS.least, ALONE_MS.most);
    const acts: Timed[] = [
      { at: 700, act: scaleTo(pen.host(), 'deployments', 'web', 5) },
      { at: 800, act: scaleTo(pen.host(), 'replicasets', 'set', 5) },
      { at: STANDS_MS, act: cutBetween([alone], others, forMs) },
    ];
    for (const host of others) {
      acts.push({ at: STANDS_MS + 4_000, act: { do: 'engineHangs', host, call: 'startContainer', forMs: forMs + draw.int(2_000, 8_000) } });
      acts.push({ at: STANDS_MS + 4_500 + draw.int(0, 2_000), act: { do: 'containersWiped', host } });
    }
    return { acts, stormMs: STANDS_MS + forMs + 15_000 };
  },
};

/** A host is removed while it is cut off, and lets others in there, of whom nobody else ever hears. */
export const guests: Plot = {
  name: 'guests',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const [gone = 1, ...others] = draw.shuffled(allHosts(pen));
    const forMs = draw.int(8_000, 20_000);
    const removedAt = STANDS_MS + draw.int(200, 2_000);
    const acts: Timed[] = [
      { at: STANDS_MS, act: cutBetween([gone], others, forMs) },
      { at: removedAt, act: { do: 'remove', host: gone, by: draw.pick(others) } },
    ];
    for (let count = draw.int(1, 2); count > 0; count -= 1)
      acts.push({ at: STANDS_MS + draw.int(100, forMs - 5_000), act: { do: 'join', by: gone } });
    return { acts, stormMs: STANDS_MS + forMs + draw.int(1_000, 6_000) };
  },
};

/** Two remove the same member, and one of them, which was off, has not seen whom that one had let in: it is asked when it is up again, and before it has heard of anything. */
export const twoRemovers: Plot = {
  name: 'twoRemovers',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const [gone = 1, off = 2, ...others] = draw.shuffled(allHosts(pen));
    const downMs = draw.int(6_000, 12_000);
    const acts: Timed[] = [
      { at: STANDS_MS, act: { do: 'powerCut', host: off, downMs, disk: 'none' } },
      { at: STANDS_MS + draw.int(1_500, 2_500), act: { do: 'join', by: gone } },
      { at: STANDS_MS + draw.int(3_500, downMs - 500), act: { do: 'remove', host: gone, by: draw.pick(others) } },
      { at: STANDS_MS + downMs + draw.int(2, 80), act: del(off, `/api/v1/nodes/node-${gone}`, `remove node-${gone}, too`) },
    ];
    return { acts, stormMs: STANDS_MS + downMs + draw.int(2_000, 6_000), network: farApart(pen) };
  },
};

/** One host after the other is cut off while Jobs run: a completion succeeds on one side, and the other replaces its pod, and that one again. */
export const jobsApart: Plot = {
  name: 'jobsApart',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [];
    let at = STANDS_MS;
    for (let count = 1; count <= 3; count += 1) {
      const name = `apart-${count}`;
      acts.push({
        at,
        act: post(pen.host(), TARGETS_OF_KINDS.jobs, jobOf(name, draw.int(4, 8), draw.int(2, 3), draw.chance(0.5)), `create ${name}`),
      });
      const [first = 1, second = 2] = draw.shuffled(allHosts(pen));
      const others = (host: number): number[] => allHosts(pen).filter((other) => other !== host);
      const firstMs = draw.int(3_500, 6_000);
      const cutAt = at + draw.int(800, 4_500);
      const secondMs = draw.int(14_000, 24_000);
      acts.push({ at: cutAt, act: cutBetween([first], others(first), firstMs) });
      acts.push({ at: cutAt + firstMs - draw.int(0, 400), act: cutBetween([second], others(second), secondMs) });
      at = cutAt + firstMs + secondMs + 6_000;
    }
    return { acts, stormMs: at };
  },
};
