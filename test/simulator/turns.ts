import type { Draw } from './draw.ts';
import type { CrashMoment } from './host.ts';
import { allHosts, cutBetween, del, drawSides, patch, post, scaleTo } from './plots/plot.ts';
import type { Pen, Timed } from './plots/plot.ts';
import type { Act, DiskLoss, Release } from './scenario.ts';
import { deploymentOf, FILED, podOf, SHORT_IMAGE, TARGETS } from './workloads.ts';

/** What a storm has beside what is drawn for it: acts by the time after the first of them. */
export interface Turn {
  acts: Timed[];
  releases?: Record<number, Release>;
}

type DrawTurn = (pen: Pen) => Turn;

/**
 * Troubles that come about seldom by chance, or without effect: each with what it needs to be felt. Every storm has some of them in turn, so that few in a row have all.
 */
export const TURNS: readonly DrawTurn[] = [
  struckAt('afterWrite'),
  struckAt('beforeStart'),
  struckAt('afterStart'),
  claimStruck('afterClaim'),
  claimStruck('beforeClaimedStart'),
  forgetting('torn'),
  forgetting('tail'),
  forgetting('damaged'),
  forgetting('lost'),
  befalls(({ draw }) => ({ do: 'slowPulls', byMs: draw.duration(2_000, 30_000), forMs: draw.int(5_000, 40_000) })),
  befalls(({ draw }) => ({ do: 'engineAway', forMs: draw.int(1_000, 20_000) })),
  befalls(({ draw }) => ({ do: 'engineHangs', call: draw.pick(['createSandbox', 'startContainer']), forMs: draw.int(1_000, 20_000) })),
  befalls(({ draw }) => ({ do: 'slowDisk', byMs: draw.int(200, 2_000), forMs: draw.int(2_000, 15_000) })),
  diedWriting,
  befalls(({ draw }) => ({ do: 'fullDisk', forMs: draw.int(1_000, 15_000) })),
  befalls(({ draw }) => ({ do: 'freeze', what: 'host', forMs: draw.int(500, 15_000) })),
  befalls(({ draw }) => ({ do: 'freeze', what: 'loop', forMs: draw.int(500, 15_000) })),
  befalls(({ draw }) => ({ do: 'pause', forMs: draw.int(500, 15_000) })),
  befalls(({ draw }) => ({ do: 'clockJump', byMs: draw.pick([-1, 1]) * draw.int(2_000, 4_000_000) })),
  befalls(({ draw }) => ({ do: 'clockDrift', rate: 1 + (draw.next() - 0.5) * 0.018 })),
  befalls(() => ({ do: 'restart' })),
  befalls(({ draw }) => ({ do: 'crashStarting', afterMs: [draw.int(1, 400), draw.int(1, 400)], downMs: draw.int(50, 1_000) })),
  stopIgnored,
  startRefused,
  containersEnd,
  folderUsed,
  bothSidesObeyed,
  rivals,
  wayWorn,
  linkLost,
  mixedReleases,
  ({ draw }) => ({ acts: [{ at: 0, act: { do: 'deaf', loss: draw.pick([0.5, 1]), forMs: draw.int(2_000, 15_000) } }] }),
  joined,
  removed,
  lost,
  forgedFacts,
];

/** @param count how often it is a storm's turn: each in its turn, two at a time */
export function drawTurns(pen: Pen, count: number): Turn[] {
  const half = Math.floor(TURNS.length / 2);
  return [TURNS[count % TURNS.length], TURNS[(count + half) % TURNS.length]].flatMap((draw) => (draw === undefined ? [] : [draw(pen)]));
}

/** An act on one host, without its number. */
type OfHost = Act extends infer Each ? (Each extends { host: number } ? Omit<Each, 'host'> : never) : never;

/** Then a pod is bound to the host by hand, and something is asked of it: both are felt. */
function befalls(drawAct: (pen: Pen) => OfHost): DrawTurn {
  return (pen) => {
    const host = pen.host();
    const act = { ...drawAct(pen), host } as Act;
    return { acts: [{ at: 0, act }, ...felt(pen, host, 20)] };
  };
}

function felt({ draw }: Pen, host: number, at: number): Timed[] {
  const name = `felt-${draw.int(0, 999_999)}`;
  return [
    { at, act: post(host, TARGETS.pods, bound(draw, name, host), `create ${name}`) },
    { at: at + 10, act: patch(host, `${TARGETS.deployments}/web`, { metadata: { labels: { felt: name } } }, 'label web') },
  ];
}

function bound(draw: Draw, name: string, node: number, image?: string): object {
  const { spec, ...rest } = podOf(draw, name) as { spec: { containers: object[] } };
  const containers = spec.containers.map((container) => ({
    ...container,
    ...(image === undefined ? {} : { image }),
    resources: { requests: { cpu: '10m' } },
  }));
  const restartPolicy = image === SHORT_IMAGE ? 'Never' : 'Always';
  return { ...rest, spec: { ...spec, containers, restartPolicy, nodeName: `node-${node}` } };
}

/** A trap, and the work that it waits for. */
function struckAt(moment: CrashMoment): DrawTurn {
  return (pen) => {
    const host = pen.host();
    return {
      acts: [{ at: 0, act: { do: 'crash', host, moment, downMs: pen.draw.duration(100, 20_000), disk: 'none' } }, ...felt(pen, host, 20)],
    };
  };
}

/** A host dies for long; its heirs die when they have claimed. */
function claimStruck(moment: CrashMoment): DrawTurn {
  return (pen) => {
    const { draw } = pen;
    const [dies = 1, ...heirs] = draw.shuffled(allHosts(pen));
    const acts: Timed[] = [{ at: 0, act: scaleTo(draw.pick(heirs.length > 0 ? heirs : [dies]), 'deployments', 'web', 5) }];
    for (const host of heirs)
      acts.push({ at: 4_000, act: { do: 'crash', host, moment, downMs: draw.duration(200, 10_000), disk: 'none' } });
    acts.push({ at: 4_010, act: { do: 'powerCut', host: dies, downMs: draw.int(8_000, 20_000), disk: 'none' } });
    return { acts };
  };
}

/** The disk is written to until the crash. */
function forgetting(disk: DiskLoss): DrawTurn {
  return (pen) => {
    const host = pen.host();
    const { mayLoseDisk } = pen;
    pen.mayLoseDisk = false;
    const crash: Act = { do: 'crash', host, moment: 'now', downMs: pen.draw.duration(100, 10_000), disk: mayLoseDisk ? disk : 'none' };
    return { acts: [...[0, 200, 400, 600].flatMap((at) => felt(pen, host, at)), { at: 800, act: crash }] };
  };
}

/** Its writes are under way when it dies. */
function diedWriting(pen: Pen): Turn {
  const host = pen.host();
  const crash: Act = { do: 'crash', host, moment: 'now', downMs: pen.draw.duration(100, 10_000), disk: 'none' };
  return {
    acts: [
      { at: 0, act: { do: 'slowDisk', host, byMs: 1_000, forMs: 3_000 } },
      ...felt(pen, host, 20),
      { at: pen.draw.int(60, 400), act: crash },
    ],
  };
}

function stopIgnored(pen: Pen): Turn {
  const { draw } = pen;
  const host = pen.host();
  const [image, name] = ['stubborn:1', `stubborn-${draw.int(0, 999_999)}`];
  return {
    acts: [
      { at: 0, act: { do: 'image', image, behaviour: { ignoresStop: true }, forMs: 30_000 } },
      { at: 10, act: post(host, TARGETS.pods, bound(draw, name, host, image), `create ${name}`) },
      { at: 3_000, act: del(pen.host(), `${TARGETS.pods}/${name}?gracePeriodSeconds=${draw.int(2, 8)}`, `delete ${name}`) },
    ],
  };
}

function startRefused(pen: Pen): Turn {
  const { draw } = pen;
  const host = pen.host();
  const [image, name] = ['broken:1', `broken-${draw.int(0, 999_999)}`];
  const behaviour = { startError: 'exec: no such file' };
  return {
    acts: [
      { at: 0, act: { do: 'image', image, behaviour, forMs: draw.int(2_000, 20_000) } },
      { at: 10, act: post(host, TARGETS.pods, bound(draw, name, host, image), `create ${name}`) },
    ],
  };
}

/** One ends well, one badly, one by a hand. */
function containersEnd(pen: Pen): Turn {
  const { draw } = pen;
  const host = pen.host();
  const name = `short-${draw.int(0, 999_999)}`;
  return {
    acts: [
      { at: 0, act: post(host, TARGETS.pods, bound(draw, name, host, SHORT_IMAGE), `create ${name}`) },
      ...felt(pen, host, 10),
      { at: 2_500, act: { do: 'containerEnds', host, which: draw.int(0, 20), exitCode: draw.pick([1, 137]) } },
      { at: 9_000, act: del(pen.host(), `${TARGETS.pods}/${name}`, `delete ${name}`) },
      { at: 9_500, act: { do: 'containersWiped', host } },
    ],
  };
}

function folderUsed(pen: Pen): Turn {
  const { draw } = pen;
  const host = pen.host();
  const text = JSON.stringify(deploymentOf(draw, draw.pick(FILED)));
  return {
    acts: [
      { at: 0, act: { do: 'file', host, file: 'turn.yaml', text } },
      { at: draw.int(5_000, 9_000), act: { do: 'file', host, file: 'turn.yaml', text: null } },
    ],
  };
}

function bothSidesObeyed(pen: Pen): Turn {
  const [few, many] = drawSides(pen);
  if (many.length === 0) return { acts: [] };
  const forMs = pen.draw.int(6_000, 20_000);
  const sides = [few, many].map((side) => pen.draw.pick(side));
  return { acts: [{ at: 0, act: cutBetween(few, many, forMs) }, ...sides.flatMap((host) => felt(pen, host, 4_000))] };
}

function rivals(pen: Pen): Turn {
  const [one = 1, other = 1] = pen.draw.shuffled(allHosts(pen));
  return { acts: [one, other].map((host, at) => ({ at, act: scaleTo(host, 'deployments', 'web', pen.draw.int(0, 5)) })) };
}

/** Slow, lossy, and in disorder. */
function wayWorn(pen: Pen): Turn {
  const { draw } = pen;
  const [from = 1, to = 1] = draw.shuffled(allHosts(pen));
  const fault = {
    delayMs: draw.int(50, 400),
    jitterMs: draw.int(100, 600),
    loss: 0.1 + draw.next() * 0.3,
    duplicate: 0.1 + draw.next() * 0.2,
  };
  return { acts: [{ at: 0, act: { do: 'way', from, to, fault, forMs: draw.int(5_000, 30_000) } }] };
}

/** One direction, for so long that the connection is given up. */
function linkLost(pen: Pen): Turn {
  const { draw } = pen;
  const [from = 1, to = 1] = draw.shuffled(allHosts(pen));
  const how = `nothing of node-${from} reaches node-${to}`;
  return { acts: [{ at: 0, act: { do: 'block', ways: [[from, to]], how, forMs: draw.int(19_000, 30_000) } }] };
}

function mixedReleases(pen: Pen): Turn {
  const { draw } = pen;
  const [older = 1, newer = 1] = draw.shuffled(allHosts(pen));
  return {
    releases: { [newer]: 'newer', [older]: 'older' },
    acts: [
      { at: draw.int(0, 10_000), act: { do: 'upgrade', host: older } },
      { at: draw.int(0, 10_000), act: { do: 'poison', host: pen.host() } },
    ],
  };
}

/** Two, with one token. */
function joined({ host }: Pen): Turn {
  const by = host();
  return {
    acts: [
      { at: 0, act: { do: 'join', by } },
      { at: 400, act: { do: 'join', by, token: 'last' } },
    ],
  };
}

function removed(pen: Pen): Turn {
  const [by = 1, host = 1] = pen.draw.shuffled(allHosts(pen));
  return { acts: [{ at: 0, act: { do: 'remove', host, by } }] };
}

function lost(pen: Pen): Turn {
  const [by = 1, host = 1] = pen.draw.shuffled(allHosts(pen));
  if (!pen.mayLoseDisk) return { acts: [] };
  pen.mayLoseDisk = false;
  return { acts: [{ at: 0, act: { do: 'lose', host, removeAfterMs: pen.draw.duration(1_000, 20_000), by } }] };
}

function forgedFacts(pen: Pen): Turn {
  const [host = 1, victim = 1] = pen.draw.shuffled(allHosts(pen));
  return { acts: [{ at: 0, act: { do: 'forge', host, victim } }] };
}
