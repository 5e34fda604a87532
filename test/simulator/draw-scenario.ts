import { Draw } from './draw.ts';
import type { CrashMoment } from './host.ts';
import type { WayFault } from './way.ts';
import { plotOf, STORM } from './plots/all.ts';
import { awayMeanwhile } from './plots/graves.ts';
import { underLeases } from './plots/once.ts';
import { allHosts, cutBetween } from './plots/plot.ts';
import type { Drawn, Pen, Timed } from './plots/plot.ts';
import type { Act, DiskLoss, Release, Scenario, Step } from './scenario.ts';
import { drawTurns } from './turns.ts';
import { drawRequest, firstRequests, rivalOf, IMAGES, SHORT_IMAGE } from './workloads.ts';

/** What is done last in a storm has so long to be felt. */
const FELT_MS = 3_000;

/** Draws have 32 bits of it. */
export const LARGEST_SEED = 2 ** 32 - 1;

export interface DrawOptions {
  /** Peers: drawn between these. */
  peers: { least: number; most: number };
  /** Draws this plot, whatever the seed would have. */
  plot?: string | undefined;
}

/** The whole scenario of a seed. */
export function drawScenario(seed: number, options: DrawOptions): Scenario {
  const draw = new Draw(seed);
  const plot = plotOf(seed, options.peers.most, options.plot);
  const least = Math.max(options.peers.least, plot?.leastPeers ?? 1);
  // Few plots need more than are asked for.
  const most = Math.min(Math.max(least, options.peers.most), plot?.mostPeers ?? Infinity);
  const peers = draw.int(Math.min(least, most), most);
  const pen: Pen = { draw, peers, mayLoseDisk: true, host: () => draw.int(1, peers) };
  const first = firstRequests(draw, pen.host).map((act, index): Timed => ({ at: 200 * index, act }));
  const {
    acts,
    stormMs: drawnMs,
    cpu,
    network,
    releases,
    leases: plotHasLeases,
    histories,
    graves,
  } = plot?.draw(pen) ?? drawStorm(pen, Math.floor(seed / 2));
  // Of what has no plot one in five; of the rest as many forget graves, while somebody is away.
  const isHasty = histories === 'hasty' || (plot === undefined && seed % 5 === 2);
  const forgets = graves === 'hasty' || (plot === undefined && seed % 5 === 4);
  const meanwhile = forgets && plot === undefined ? awayMeanwhile({ ...pen, draw: draw.aside(2) }) : [];
  const knownMs = Math.max(drawnMs, ...meanwhile.map(({ at }) => at + FELT_MS));
  // What comes of it is drawn aside as well: in all else the storm is the one that it was.
  const aside = draw.aside(3);
  const leased = plot === undefined ? underLeases({ ...pen, draw: aside, host: () => aside.int(1, peers) }, knownMs) : undefined;
  const { afterMs = 0, acts: once = [], lastMs = 0 } = leased ?? {};
  const stormMs = knownMs + afterMs + lastMs;
  const later = [...acts, ...meanwhile].map(({ at, act }): Timed => ({ at: at + afterMs, act }));
  const all = [...first, ...later, ...once].sort((left, right) => left.at - right.at);
  const leases = leased === undefined ? plotHasLeases : true;
  const steps = all.map(({ at, act }, id): Step => ({ id, at, act }));
  // Real documents take most of the time: one seed in seven has them.
  const documents = seed % 7 === 0 ? 'automerge' : 'light';
  const about = {
    seed,
    plot: plot?.name ?? STORM,
    peers,
    cpu: cpu ?? '4',
    network: network ?? drawNetwork(draw),
    disorder: true,
    documents,
  } as const;
  return {
    ...about,
    stormMs,
    steps,
    ...(releases === undefined ? {} : { releases }),
    ...(leases === undefined ? {} : { leases }),
    ...(isHasty ? { histories: 'hasty' as const } : {}),
    ...(forgets ? { graves: 'hasty' as const } : {}),
  };
}

/** Anything at any time. @param count of storms before it */
function drawStorm(pen: Pen, count: number): Drawn {
  const { draw, peers } = pen;
  let stormMs = draw.duration(8_000, 70_000);
  const acts: Timed[] = [];
  let releases: Record<number, Release> | undefined = draw.chance(0.1)
    ? { [draw.int(1, peers)]: draw.pick(['older', 'newer']) }
    : undefined;
  for (const turn of drawTurns(pen, count)) {
    const from = draw.int(2_000, Math.max(2_000, stormMs / 2));
    for (const { at, act } of turn.acts) {
      acts.push({ at: from + at, act });
      stormMs = Math.max(stormMs, from + at + FELT_MS);
    }
    if (turn.releases !== undefined) releases = { ...releases, ...turn.releases };
  }
  const users = draw.int(2, 18);
  for (let count = 0; count < users; count += 1) acts.push(...drawUsers(pen, draw.int(500, stormMs)));
  // Some seeds dwell on one kind of fault: together they hide each other.
  const kinds = draw.chance(0.4) ? [draw.pick(FAULTS)] : draw.shuffled(FAULTS).slice(0, draw.int(1, FAULTS.length));
  const faults = draw.duration(1, 24);
  for (let count = 0; count < faults; count += 1) {
    const [, fault] = draw.weighted(kinds.map((kind) => [kind[0], kind] as const));
    acts.push({ at: draw.int(2_000, stormMs), act: fault(pen) });
  }
  const cpu = draw.weighted([
    [4, '4'],
    [1, '1'],
  ]);
  return { acts, stormMs, cpu, ...(releases === undefined ? {} : { releases }) };
}

/** Somebody asks for something; now and then two at once of the same, at two peers. */
function drawUsers({ draw, host }: Pen, at: number): { at: number; act: Act }[] {
  const act = drawRequest(draw, host());
  if (act.do !== 'request' || !draw.chance(0.3)) return [{ at, act }];
  return [
    { at, act },
    { at: at + draw.pick([0, 0, 0, 1, 2, 10]), act: rivalOf(draw, act, host()) },
  ];
}

function drawNetwork(draw: Draw): WayFault {
  return draw.weighted<WayFault>([
    [5, { delayMs: 0.3, jitterMs: 0.7, loss: 0, duplicate: 0 }],
    [2, { delayMs: 2, jitterMs: 4, loss: 0.001, duplicate: 0.001 }],
    [1, { delayMs: 20, jitterMs: 10, loss: 0.005, duplicate: 0.005 }],
  ]);
}

const FAULTS: readonly (readonly [weight: number, draw: (pen: Pen) => Act])[] = [
  [2, drawWay],
  [2, drawOneWay],
  [5, drawPartition],
  [1, drawBridge],
  [2, drawClog],
  [6, drawCrash],
  [2, drawPowerCut],
  [1, ({ host }) => ({ do: 'restart', host: host() })],
  [1, drawLoss],
  [1, ({ draw, host }) => ({ do: 'remove', host: draw.int(1, 8), by: host() })],
  [1, drawCrashStarting],
  [1, ({ draw }) => ({ do: 'deaf', loss: draw.pick([0.3, 0.7, 1]), forMs: draw.duration(1_000, 30_000) })],
  [3, drawFreeze],
  [1, ({ draw, host }) => ({ do: 'clockJump', host: host(), byMs: draw.pick([-1, 1]) * draw.duration(1_000, 7_200_000) })],
  [1, ({ draw, host }) => ({ do: 'clockDrift', host: host(), rate: 1 + (draw.next() - 0.5) * 0.018 })],
  [1, ({ draw, host }) => ({ do: 'slowDisk', host: host(), byMs: draw.duration(5, 3_000), forMs: draw.duration(1_000, 30_000) })],
  [1, ({ draw, host }) => ({ do: 'fullDisk', host: host(), forMs: draw.duration(500, 20_000) })],
  [1, ({ draw, host }) => ({ do: 'engineAway', host: host(), forMs: draw.duration(300, 30_000) })],
  [1, drawHangingEngine],
  [1, ({ draw, host }) => ({ do: 'slowPulls', host: host(), byMs: draw.duration(1_000, 40_000), forMs: draw.duration(5_000, 40_000) })],
  [2, ({ draw, host }) => ({ do: 'containerEnds', host: host(), which: draw.int(0, 20), exitCode: draw.pick([0, 1, 137]) })],
  [1, ({ host }) => ({ do: 'containersWiped', host: host() })],
  [1, drawImage],
  [2, ({ host }) => ({ do: 'join', by: host() })],
  [1, ({ host }) => ({ do: 'forge', host: host(), victim: host() })],
  [2, ({ draw, host }) => ({ do: 'drain', host: host(), node: host(), forMs: draw.duration(3_000, 60_000) })],
];

function two({ draw, peers }: Pen): [number, number] {
  const [one = 1, other = 2] = draw.shuffled(allHosts({ peers }));
  return [one, other];
}

function drawWay(pen: Pen): Act {
  const { draw } = pen;
  const [from, to] = two(pen);
  const delayMs = draw.duration(1, 500);
  const fault = { delayMs, jitterMs: draw.next() * delayMs, loss: draw.chance(0.5) ? draw.next() * 0.5 : 0, duplicate: draw.next() * 0.1 };
  return { do: 'way', from, to, fault, forMs: draw.duration(1_000, 60_000) };
}

function drawOneWay(pen: Pen): Act {
  const [from, to] = two(pen);
  return { do: 'block', ways: [[from, to]], how: `nothing of node-${from} reaches node-${to}`, forMs: pen.draw.duration(300, 60_000) };
}

function drawPartition(pen: Pen): Act {
  const { draw, peers } = pen;
  const hosts = draw.shuffled(allHosts({ peers }));
  const first = draw.int(1, Math.max(1, peers - 1));
  const second = draw.chance(0.2) ? draw.int(first, peers) : peers;
  const sides = [hosts.slice(0, first), hosts.slice(first, second), hosts.slice(second)].filter((side) => side.length > 0);
  const ways: [number, number][] = [];
  for (const side of sides)
    for (const other of sides) if (side !== other) for (const from of side) for (const to of other) ways.push([from, to]);
  const how = `a cut: ${sides.map((side) => side.map((host) => `node-${host}`).join('+')).join(' | ')}`;
  return { do: 'block', ways, how, forMs: draw.duration(300, 90_000) };
}

/** Two sides, and a host that reaches both. */
function drawBridge(pen: Pen): Act {
  const { draw } = pen;
  const [bridge = 1, ...others] = draw.shuffled(allHosts(pen));
  const first = draw.int(1, Math.max(1, others.length - 1));
  const { ways } = cutBetween(others.slice(0, first), others.slice(first), 0);
  const how = `a cut that node-${bridge} reaches over, ${ways.length / 2} pairs wide`;
  return { do: 'block', ways, how, forMs: draw.duration(300, 60_000) };
}

function drawClog(pen: Pen): Act {
  const [from, to] = two(pen);
  return { do: 'block', ways: [[from, to]], how: `a clog between node-${from} and node-${to}`, forMs: pen.draw.duration(100, 6_000) };
}

function drawDisk(pen: Pen): DiskLoss {
  if (!pen.mayLoseDisk || !pen.draw.chance(0.3)) return 'none';
  pen.mayLoseDisk = false;
  return pen.draw.pick<DiskLoss>(['tail', 'tail', 'torn', 'torn', 'damaged', 'lost']);
}

function drawCrash(pen: Pen): Act {
  const { draw } = pen;
  const moment = draw.weighted<CrashMoment>([
    [3, 'now'],
    [3, 'afterWrite'],
    [2, 'beforeStart'],
    [2, 'afterStart'],
    [1, 'afterClaim'],
    [1, 'beforeClaimedStart'],
  ]);
  return { do: 'crash', host: pen.host(), moment, downMs: draw.duration(100, 60_000), disk: drawDisk(pen) };
}

function drawCrashStarting({ draw, host }: Pen): Act {
  const afterMs = Array.from({ length: draw.int(1, 3) }, () => draw.duration(1, 3_000));
  return { do: 'crashStarting', host: host(), afterMs, downMs: draw.duration(50, 3_000) };
}

function drawPowerCut(pen: Pen): Act {
  return { do: 'powerCut', host: pen.host(), downMs: pen.draw.duration(1_000, 60_000), disk: drawDisk(pen) };
}

function drawLoss(pen: Pen): Act {
  if (!pen.mayLoseDisk) return drawPowerCut(pen);
  pen.mayLoseDisk = false;
  return { do: 'lose', host: pen.host(), removeAfterMs: pen.draw.duration(1_000, 40_000), by: pen.host() };
}

function drawFreeze(pen: Pen): Act {
  const what = pen.draw.pick(['host', 'loop'] as const);
  return { do: 'freeze', host: pen.host(), what, forMs: pen.draw.duration(100, 30_000) };
}

function drawHangingEngine({ draw, host }: Pen): Act {
  const call = draw.pick(['list', 'createSandbox', 'pullImage', 'startContainer', 'stopContainer', 'removePod']);
  return { do: 'engineHangs', host: host(), call, forMs: draw.duration(500, 30_000) };
}

function drawImage({ draw }: Pen): Act {
  const behaviour = draw.pick([
    { exitAfterMs: draw.duration(100, 20_000), exitCode: 1 },
    { ignoresStop: true },
    { startError: 'exec: no such file' },
    { exitAfterMs: draw.duration(500, 20_000), exitCode: 0 },
  ]);
  return { do: 'image', image: draw.pick([...IMAGES, SHORT_IMAGE]), behaviour, forMs: draw.duration(1_000, 40_000) };
}
