import { leaseSettings } from '../../../protocol/leases.ts';
import { onceController, oncePod, onceRecreated, onceSet, TARGETS_OF_KINDS, templateOf } from '../kinds.ts';
import type { Act } from '../scenario.ts';
import { IMAGES, TARGETS } from '../workloads.ts';
import { allHosts, cutBetween, del, drawSides, moments, patch, post, type Pen, type Plot, type Timed } from './plot.ts';

/** Between two blows: whatever was cut, killed or frozen has been noticed, leases are over, and others have started. */
const EPISODE_MS = 40_000;

/** What must run at most once, while hosts are cut off, their daemons killed or frozen, they themselves paused, and voters start anew right then. */
export const atMostOne: Plot = {
  name: 'atMostOne',
  leastPeers: 3,
  draw(pen) {
    const { draw } = pen;
    const acts: Timed[] = [
      { at: 700, act: post(pen.host(), TARGETS_OF_KINDS.controllers, onceController('single'), 'create single') },
      { at: 900, act: post(pen.host(), TARGETS_OF_KINDS.statefulsets, onceSet('plain', draw.int(1, 2)), 'create plain') },
    ];
    for (const host of allHosts(pen)) acts.push({ at: 1_000, act: { do: 'clockDrift', host, rate: 1 + (draw.next() - 0.5) * 0.018 } });
    // Until as many vote as may.
    let at = pen.peers * leaseSettings.settleMs;
    for (let count = draw.int(2, 4); count > 0; count -= 1) {
      for (const act of drawEpisode(pen)) acts.push({ ...act, at: at + act.at });
      at += EPISODE_MS;
    }
    for (const act of votersDieAnswering(pen)) acts.push({ ...act, at: at + act.at });
    return { acts, stormMs: at + EPISODE_MS, leases: true };
  },
};

function drawEpisode(pen: Pen): Timed[] {
  const { draw } = pen;
  const host = pen.host();
  const forMs = draw.int(9_000, 32_000);
  return draw.weighted<() => Timed[]>([
    [3, () => [{ at: 0, act: cutBetween(...drawSides(pen), forMs) }]],
    [3, () => votersStartAnew(pen, host, forMs)],
    [2, () => [{ at: 0, act: { do: 'crash', host, moment: 'now', downMs: forMs, disk: 'none' } }]],
    [2, () => [{ at: 0, act: { do: 'freeze', host, what: 'host', forMs } }]],
    [2, () => [{ at: 0, act: { do: 'pause', host, forMs } }]],
    [1, () => [{ at: 0, act: { do: 'powerCut', host, downMs: forMs, disk: 'none' } }]],
    [1, () => [{ at: 0, act: { do: 'engineHangs', host, call: 'startContainer', forMs: draw.int(2_000, 12_000) } }]],
    [1, () => [{ at: 0, act: oneWay(pen, host, forMs) }]],
  ])();
}

/** Somebody is cut off with its lease, others have claimed what it runs, and then all who had granted it start anew. */
function votersStartAnew(pen: Pen, cut: number, forMs: number): Timed[] {
  const { draw } = pen;
  const others = allHosts(pen).filter((host) => host !== cut);
  const restarts = others.map((host): Timed => {
    const act: Act = { do: 'crash', host, moment: 'now', downMs: draw.int(100, 900), disk: 'none' };
    return { at: draw.int(2_500, 5_000), act };
  });
  return [{ at: 0, act: cutBetween([cut], others, forMs) }, ...restarts];
}

/**
 * The others grant one host its first lease of something, and die as soon as it has their votes; then that one is cut off. It is the only one which may run that at first, so
 * that it is known who will be.
 */
function votersDieAnswering(pen: Pen): Timed[] {
  const { draw } = pen;
  const [holder = 1, ...voters] = draw.shuffled(allHosts(pen));
  const cordon = (at: number, by: number, node: number, unschedulable: boolean): Timed => {
    const what = `${unschedulable ? 'cordon' : 'uncordon'} node-${node}`;
    return { at, act: patch(by, `/api/v1/nodes/node-${node}`, { spec: { unschedulable } }, what) };
  };
  const acts = voters.map((node) => cordon(0, holder, node, true));
  acts.push({ at: 1_000, act: post(holder, TARGETS_OF_KINDS.controllers, onceController('first'), 'create first') });
  for (const host of voters) {
    acts.push({ at: 950, act: { do: 'slowDisk', host, byMs: draw.int(50, 200), forMs: 1_500 } });
    acts.push({ at: 980, act: { do: 'crash', host, moment: 'afterVote', downMs: draw.int(100, 500), disk: 'none' } });
    // Whoever is up by then.
    for (const at of [3_500, 30_000]) acts.push(cordon(at, host, host, false));
  }
  acts.push({ at: 2_900, act: cutBetween([holder], voters, draw.int(12_000, 25_000)) });
  return acts;
}

/** Who can be heard, and hears nothing. */
function oneWay(pen: Pen, deaf: number, forMs: number): Act {
  const ways = allHosts(pen).flatMap((from): [number, number][] => (from === deaf ? [] : [[from, deaf]]));
  return { do: 'block', ways, how: `node-${deaf} hears nobody`, forMs };
}

/** Of the storms so many have what must run at most once. */
const LEASED_SHARE = 0.4;
/** In half of these the storm comes when as many vote as may, in the others while the electorate grows. */
const SETTLED_SHARE = 0.5;

export interface Leased {
  /** Before all else that goes wrong: until as many vote as may. */
  afterMs: number;
  acts: Timed[];
  /** After all else that goes wrong. */
  lastMs: number;
}

/** What must run at most once in the midst of a storm, what users ask of it, and some blows that are felt by leases alone. @param stormMs of what is drawn already */
export function underLeases(pen: Pen, stormMs: number): Leased | undefined {
  const { draw } = pen;
  if (!draw.chance(LEASED_SHARE)) return undefined;
  const afterMs = draw.chance(SETTLED_SHARE) ? Math.min(pen.peers, leaseSettings.electors) * leaseSettings.settleMs : 0;
  const workloads = ONCE.map((workload, index): Timed => ({ at: 700 + 50 * index, act: workload.create(pen) }));
  const until = afterMs + stormMs;
  const asked = moments(pen, draw.int(1, 8), 3_000, until).flatMap((at) => drawWish(pen, at));
  const blows = moments(pen, draw.int(0, 3), afterMs + 2_000, until).flatMap((at) => drawBlow(pen, at));
  const acts = [...workloads, ...asked, ...blows].filter(({ at }) => at <= until);
  return draw.chance(0.5) ? { afterMs, acts, lastMs: 0 } : { afterMs, acts: [...acts, ...drawLast(pen, until)], lastMs: LAST_MS };
}

interface OnceWorkload {
  app: string;
  target: string;
  create(pen: Pen): Act;
  /** Pods that a pen asks for; undefined: one, always. */
  most?: number;
}

/** What storms have that runs at most once. */
export const ONCE: readonly OnceWorkload[] = [
  {
    app: 'single',
    target: `${TARGETS_OF_KINDS.controllers}/single`,
    create: ({ host }) => post(host(), TARGETS_OF_KINDS.controllers, onceController('single'), 'create single'),
    most: 2,
  },
  {
    app: 'plain',
    target: `${TARGETS_OF_KINDS.statefulsets}/plain`,
    create: ({ draw, host }) => post(host(), TARGETS_OF_KINDS.statefulsets, onceSet('plain', draw.int(1, 3)), 'create plain'),
    most: 3,
  },
  {
    app: 'anew',
    target: `${TARGETS.deployments}/anew`,
    create: ({ draw, host }) => post(host(), TARGETS.deployments, onceRecreated('anew', draw.int(1, 2), draw.pick(IMAGES)), 'create anew'),
    most: 2,
  },
  {
    app: 'alone',
    target: `${TARGETS.pods}/alone`,
    create: ({ host }) => post(host(), TARGETS.pods, oncePod('alone'), 'create alone'),
  },
];

/** A size, an image, an end and a new beginning; pods deleted, at once and unasked, too. */
function drawWish(pen: Pen, at: number): Timed[] {
  const { draw, host } = pen;
  const { app, target, create, most } = draw.pick(ONCE);
  const again = (): Timed[] => [
    { at, act: del(host(), target, `delete ${app}`) },
    { at: at + draw.duration(50, 8_000), act: create(pen) },
  ];
  if (most === undefined) return again();
  return draw.weighted<() => Timed[]>([
    [3, () => [{ at, act: patch(host(), target, { spec: { replicas: draw.int(0, most) } }, `scale ${app}`) }]],
    [3, () => [{ at, act: { do: 'deletePods', host: host(), app, ...(draw.chance(0.5) ? { graceSeconds: 0 } : {}) } }]],
    [2, () => [{ at, act: patch(host(), target, { spec: { template: templateOf(app, draw.pick(IMAGES)) } }, `set the image of ${app}`) }]],
    [1, again],
  ])();
}

/** When what it runs is on its way to others, its lease is over, and its guard has ended it, or not; and until the others run it. */
const ALONE_MS = { least: 13_000, most: 24_000 };
const LAST_MS = 40_000;

/** Who runs something of it is left alone for longer than its lease, or its daemon stands still or is dead; or those who granted that start anew meanwhile. */
function drawLast(pen: Pen, from: number): Timed[] {
  const { draw } = pen;
  const host = pen.host();
  const others = allHosts(pen).filter((other) => other !== host);
  const forMs = draw.int(ALONE_MS.least, ALONE_MS.most);
  const { target, create } = ONCE[0] ?? draw.pick(ONCE);
  const at = from + LAST_MS - ALONE_MS.most - 2_000;
  const again: Timed[] = [
    { at: from + 500, act: create(pen) },
    { at: from + 1_000, act: patch(pen.host(), target, { spec: { replicas: 2 } }, 'scale single') },
  ];
  const blow = draw.pick<() => Timed[]>([
    () => votersStartAnew(pen, host, forMs),
    () => [{ at: 0, act: cutBetween([host], others, forMs) }],
    // Its guard alone is awake.
    () => [{ at: 0, act: { do: 'freeze', host, what: 'host', forMs } }],
    () => [{ at: 0, act: { do: 'crash', host, moment: 'now', downMs: forMs, disk: 'none' } }],
  ])();
  return [...again, ...blow.map((act) => ({ ...act, at: at + act.at }))];
}

function drawBlow(pen: Pen, at: number): Timed[] {
  const { draw } = pen;
  const host = pen.host();
  const forMs = draw.int(500, 25_000);
  return draw.weighted<() => Timed[]>([
    [2, () => [{ at, act: { do: 'crash', host, moment: 'afterVote', downMs: draw.duration(100, 5_000), disk: 'none' } }]],
    [2, () => [{ at, act: { do: 'pause', host, forMs } }]],
    [1, () => votersStartAnew(pen, host, forMs).map((act) => ({ ...act, at: at + act.at }))],
    [1, () => [{ at, act: oneWay(pen, host, forMs) }]],
  ])();
}
