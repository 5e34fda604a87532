import { backTooSoon, bothSidesGrow, deleteAndEdit, flapping, lateNews, longCut } from './cuts.ts';
import { confirmedDead, eachAlone, twoElectors } from './electors.ts';
import { collected } from './graves.ts';
import { joins } from './joins.ts';
import { otherKinds } from './kinds.ts';
import { endedMeanwhile, fewOfMany, guests, jobsApart, napping, rumours, twoRemovers, unanswered, unheeded } from './moments.ts';
import { freshPair, lateOwners, poorGossip, releases, slowDisks } from './news.ts';
import { crashingStarts, drains, longAway, massFailure, quietDeath, removals, thaws, tight } from './nodes.ts';
import { atMostOne } from './once.ts';
import { lateWords, shortMemory } from './words.ts';
import type { Plot } from './plot.ts';

/** What is drawn where no plot is: any faults at any time. */
export const STORM = 'storm';

/** An odd number of them, so that each meets every kind of seed. */
export const PLOTS: readonly Plot[] = [
  longCut,
  poorGossip,
  quietDeath,
  deleteAndEdit,
  tight,
  backTooSoon,
  slowDisks,
  freshPair,
  bothSidesGrow,
  drains,
  lateOwners,
  massFailure,
  releases,
  removals,
  flapping,
  crashingStarts,
  thaws,
  atMostOne,
  otherKinds,
];

/** Every eighth seed has one of them, in turn: among the others, they would give every seed another plot than the one that its bugs are known by. */
export const NAMED_PLOTS: readonly Plot[] = [
  shortMemory,
  lateWords,
  collected,
  longAway,
  lateNews,
  endedMeanwhile,
  guests,
  twoRemovers,
  jobsApart,
  napping,
  unheeded,
  rumours,
  fewOfMany,
  unanswered,
  twoElectors,
  confirmedDead,
  eachAlone,
  joins,
];

const RARE_EVERY = 8;

/** Every other seed has a plot, each in its turn: few seeds in a row show all. @param peers at most: few for some of the plots @param forced by name */
export function plotOf(seed: number, peers: number, forced?: string): Plot | undefined {
  if (forced === STORM) return undefined;
  if (forced !== undefined) {
    const all = [...PLOTS, ...NAMED_PLOTS];
    const found = all.find(({ name }) => name === forced);
    if (found === undefined)
      throw new Error(`no plot is called ${forced}: there are ${[STORM, ...all.map(({ name }) => name)].join(', ')}`);
    return found;
  }
  if (seed % 2 === 1) return undefined;
  if (seed % RARE_EVERY === 0) {
    const rare = NAMED_PLOTS.filter(({ leastPeers }) => peers >= leastPeers);
    if (rare.length > 0) return rare[(seed / RARE_EVERY) % rare.length];
  }
  const plot = PLOTS[(seed / 2) % PLOTS.length];
  return plot !== undefined && peers >= plot.leastPeers ? plot : undefined;
}
