import type { Act } from '../scenario.ts';
import { jobOf, TARGETS_OF_KINDS } from '../kinds.ts';
import { allHosts, cutBetween, del, farApart, post, scaleTo, STANDS_MS } from './plot.ts';
import type { Plot, Timed } from './plot.ts';

/** Long enough for a host that sees nobody to doubt (10 s), take its turn and start what it claimed. */
const ALONE_MS = { least: 17_000, most: 30_000 };

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
    // What they hold comes some time after their beats.
    return { acts, stormMs: STANDS_MS + forMs + 15_000, network: farApart(pen) };
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

/**
 * A completion succeeds on a host that is cut off, which replaced it meanwhile, and replaced that again when its host died, too: the third waits for its image when the
 * first is heard of.
 */
export const jobsApart: Plot = {
  name: 'jobsApart',
  // Of four others three stay, who are most.
  leastPeers: 5,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [];
    let at = STANDS_MS;
    for (let count = 1; count <= 3; count += 1) {
      const name = `apart-${count}`;
      acts.push({
        at,
        act: post(pen.host(), TARGETS_OF_KINDS.jobs, jobOf(name, 15, 15, draw.chance(0.5)), `create ${name}`),
      });
      const [first = 1, second = 2, ...others] = draw.shuffled(allHosts(pen));
      const cutAt = at + draw.int(800, 2_000);
      const cutMs = draw.int(5_500, 8_000);
      const diesAt = cutAt + draw.int(1_300, 2_500);
      acts.push({ at: cutAt, act: cutBetween([first], [second, ...others], cutMs) });
      acts.push({ at: diesAt, act: { do: 'powerCut', host: second, downMs: draw.int(6_000, 12_000), disk: 'none' } });
      const healsAt = cutAt + cutMs;
      for (const host of others)
        acts.push({ at: diesAt, act: { do: 'slowPulls', host, byMs: healsAt - diesAt + draw.int(0, 3_000), forMs: healsAt - diesAt } });
      at = healsAt + 16_000;
    }
    return { acts, stormMs: at };
  },
};

/**
 * One stands still right after a user asked it for more: the others hear of that, carry it out, and start anew before it goes on. Nothing of that came to it, nobody remembers a
 * later term, and so it may lead by what it knew.
 */
export const napping: Plot = {
  name: 'napping',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [];
    let at = STANDS_MS;
    for (const replicas of [4, 8, 12, 16]) {
      const [sleeper = 1, ...others] = draw.shuffled(allHosts(pen));
      const sleepsAt = at + draw.int(5, 30);
      const crashAt = at + draw.int(1_500, 3_000);
      const downMs = draw.int(600, 1_500);
      const wakesAt = crashAt + downMs + draw.int(0, 1_500);
      const nothingComes: Timed['act'] = {
        do: 'block',
        ways: others.map((other) => [other, sleeper]),
        how: `nothing comes to node-${sleeper}`,
        forMs: wakesAt - at - draw.int(0, 400),
      };
      acts.push({ at, act: nothingComes });
      // Of other load it hears nothing: it would find other nodes for its pods than they do.
      acts.push({ at, act: scaleTo(draw.pick(others), 'deployments', 'web', draw.int(0, 9)) });
      acts.push({ at: at + 2, act: scaleTo(sleeper, 'replicasets', 'set', replicas) });
      acts.push({ at: sleepsAt, act: { do: 'freeze', host: sleeper, what: 'host', forMs: wakesAt - sleepsAt } });
      for (const host of others)
        acts.push({ at: crashAt, act: { do: 'crash', host, moment: 'now', downMs: draw.int(400, downMs), disk: 'none' } });
      at += 12_000;
    }
    return { acts, stormMs: at, network: farApart(pen) };
  },
};

/** What one host says reaches few others or none, though it hears them: they hold it for dead and leave off telling it of themselves. Among few hosts all observe all. */
export const unheeded: Plot = {
  name: 'unheeded',
  leastPeers: 12,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [
      { at: 700, act: scaleTo(pen.host(), 'deployments', 'web', pen.peers) },
      { at: 800, act: scaleTo(pen.host(), 'replicasets', 'set', pen.peers) },
    ];
    let at = STANDS_MS;
    for (let count = 1; count <= 3; count += 1) {
      const [author = 1, ...others] = draw.shuffled(allHosts(pen));
      const ways = others.slice(draw.int(0, 2)).map((host): [number, number] => [author, host]);
      const forMs = draw.int(3_500, 9_000);
      acts.push({ at, act: { do: 'block', ways, how: `node-${author} is heard by ${others.length - ways.length} others`, forMs } });
      at += forMs + draw.int(5_000, 12_000);
    }
    return { acts, stormMs: at };
  },
};

/** As before, and all gossip is lost, with which refutations come. */
export const rumours: Plot = {
  name: 'rumours',
  leastPeers: 12,
  draw(pen) {
    const { acts, stormMs } = unheeded.draw(pen);
    const deaf: Act = { do: 'deaf', loss: 1, forMs: stormMs - STANDS_MS + 500 };
    return { acts: [...acts, { at: STANDS_MS - 500, act: deaf }], stormMs };
  },
};

/** Few of many hosts are cut off together, whose observers are all on the other side. */
export const fewOfMany: Plot = {
  name: 'fewOfMany',
  leastPeers: 20,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [
      { at: 700, act: scaleTo(pen.host(), 'deployments', 'web', pen.peers) },
      { at: 800, act: scaleTo(pen.host(), 'replicasets', 'set', pen.peers) },
    ];
    const hosts = draw.shuffled(allHosts(pen));
    const few = draw.int(2, 5);
    const forMs = draw.int(33_000, 36_000);
    acts.push({ at: STANDS_MS, act: cutBetween(hosts.slice(0, few), hosts.slice(few), forMs) });
    return { acts, stormMs: STANDS_MS + forMs + 5_000 };
  },
};

/** Users ask one host in the moment in which it is cut off, from all others or all but one: who does not answer it is not known to be gone yet. */
export const unanswered: Plot = {
  name: 'unanswered',
  leastPeers: 2,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [];
    let at = STANDS_MS;
    for (let count = 1; count <= 4; count += 1) {
      const [asked = 1, ...others] = draw.shuffled(allHosts(pen));
      const forMs = draw.int(5_000, 9_000);
      acts.push({ at, act: cutBetween([asked], others.slice(pen.peers > 2 ? draw.int(0, 1) : 0), forMs) });
      for (const afterMs of [5, 200, 500])
        acts.push({ at: at + afterMs + draw.int(0, 100), act: scaleTo(asked, 'replicasets', 'set', draw.int(1, 5)) });
      at += forMs + 12_000;
    }
    return { acts, stormMs: at };
  },
};
