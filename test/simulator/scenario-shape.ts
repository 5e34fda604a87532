import { LARGEST_SEED } from './draw-scenario.ts';
import type { CrashMoment } from './host.ts';
import type { Act, DiskLoss, Release, Scenario, Step } from './scenario.ts';
import type { WayFault } from './way.ts';

/** What a value must be, in words; undefined when it is that. */
type Check = (value: unknown) => string | undefined;
/** A check for each member. */
type Shape<Of> = { readonly [Member in keyof Of]-?: Check };

/** The first thing about it that makes it no scenario, with its place; undefined: it is one. */
export function scenarioFault(read: unknown): string | undefined {
  const fault = faultIn(read, SCENARIO, OPTIONAL, 'the scenario');
  if (fault !== undefined) return fault;
  const ids = new Set<number>();
  for (const [index, { id, act }] of (read as Scenario).steps.entries()) {
    const where = `steps[${index}]`;
    if (ids.has(id)) return `${where}.id is ${id}, as another step's is`;
    ids.add(id);
    const shape = ACTS[act.do] as Shape<Record<string, unknown>> | undefined;
    if (shape === undefined) return `${where}.act.do is ${textOf(act.do)}: there are ${Object.keys(ACTS).join(', ')}`;
    const wrong = faultIn(act, { do: text, ...shape }, OPTIONAL_IN_ACTS, `${where}.act`);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function faultIn(value: unknown, shape: Readonly<Record<string, Check>>, optional: ReadonlySet<string>, where: string): string | undefined {
  if (!isFields(value)) return `${where} is ${textOf(value)}, not an object`;
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(shape, name));
  if (unknown !== undefined) return `${where} has ${textOf(unknown)}, which nothing reads: there are ${Object.keys(shape).join(', ')}`;
  for (const [name, check] of Object.entries(shape)) {
    const member = value[name];
    if (member === undefined && optional.has(name)) continue;
    if (member === undefined) return `${where} has no ${textOf(name)}`;
    const wanted = check(member);
    if (wanted !== undefined) return `${where}: ${textOf(name)} is ${textOf(member)}, not ${wanted}`;
  }
  return undefined;
}

const text: Check = (value) => (typeof value === 'string' ? undefined : 'a text');
const truth: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
const amount: Check = (value) => (typeof value === 'number' && Number.isFinite(value) ? undefined : 'a number');
const share: Check = (value) => (typeof value === 'number' && value >= 0 && value <= 1 ? undefined : 'a number from 0 to 1');
const someMs: Check = (value) => (typeof value === 'number' && value >= 0 && value <= 1e9 ? undefined : 'a time in ms, 0 or more');
const object: Check = (value) => (isFields(value) ? undefined : 'an object');
const fault: Check = (value) => faultIn(value, WAY, new Set(), 'it');
/** Hosts that join have numbers, too. */
const hostNumber = whole(1, 10_000);

function whole(least: number, most: number): Check {
  return (value) =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most ? undefined : `a whole number from ${least} to ${most}`;
}

function either<Word extends string>(words: Readonly<Record<Word, true>>): Check {
  return (value) => (typeof value === 'string' && Object.hasOwn(words, value) ? undefined : `one of ${Object.keys(words).join(', ')}`);
}

function list(item: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return 'a list';
    const wrong = value.map(item).find((found) => found !== undefined);
    return wrong === undefined ? undefined : `a list of which each is ${wrong}`;
  };
}

const way: Check = (value) =>
  Array.isArray(value) && value.length === 2 && value.every((host) => hostNumber(host) === undefined) ? undefined : 'a pair of hosts';
const step: Check = (value) =>
  isFields(value) && faultIn(value, STEP, new Set(), 'it') === undefined && isFields(value['act'])
    ? undefined
    : 'a step with "id", "at" and "act"';
const byHost: Check = (value) =>
  isFields(value) &&
  Object.entries(value).every(([host, release]) => hostNumber(Number(host)) === undefined && RELEASE(release) === undefined)
    ? undefined
    : 'releases (older, newer) by the numbers of hosts';

const RELEASE = either<Release>({ older: true, newer: true });
const DISK = either<DiskLoss>({ none: true, tail: true, torn: true, damaged: true, lost: true });
const MOMENT = either<CrashMoment>({
  now: true,
  afterWrite: true,
  afterVote: true,
  afterClaim: true,
  beforeClaimedStart: true,
  beforeStart: true,
  afterStart: true,
});
const WAY: Shape<WayFault> = { delayMs: someMs, jitterMs: someMs, loss: share, duplicate: share };
const STEP: Shape<Step> = { id: whole(0, 1_000_000), at: someMs, act: object };
const OPTIONAL = new Set(['disorder', 'histories', 'graves', 'releases', 'leases']);
const SCENARIO: Shape<Scenario> = {
  seed: whole(0, LARGEST_SEED),
  plot: text,
  peers: whole(1, 1_000),
  cpu: text,
  network: fault,
  disorder: truth,
  documents: either({ automerge: true, light: true }),
  histories: either({ hasty: true }),
  graves: either({ hasty: true }),
  stormMs: someMs,
  releases: byHost,
  leases: truth,
  steps: list(step),
};

const OPTIONAL_IN_ACTS = new Set(['body', 'graceSeconds', 'token', 'ttlSeconds', 'waitMs']);
/** Each act's members but `do`. */
const ACTS: { readonly [Name in Act['do']]: Shape<Omit<Extract<Act, { do: Name }>, 'do'>> } = {
  way: { from: hostNumber, to: hostNumber, fault, forMs: someMs },
  block: { ways: list(way), how: text, forMs: someMs },
  crash: { host: hostNumber, moment: MOMENT, downMs: someMs, disk: DISK },
  powerCut: { host: hostNumber, downMs: someMs, disk: DISK },
  restart: { host: hostNumber },
  crashStarting: { host: hostNumber, afterMs: list(someMs), downMs: someMs },
  upgrade: { host: hostNumber },
  remove: { host: hostNumber, by: hostNumber },
  deaf: { loss: share, forMs: someMs },
  lose: { host: hostNumber, removeAfterMs: someMs, by: hostNumber },
  confirmDead: { host: hostNumber, by: hostNumber },
  freeze: { host: hostNumber, what: either({ host: true, loop: true }), forMs: someMs },
  pause: { host: hostNumber, forMs: someMs },
  clockJump: { host: hostNumber, byMs: amount },
  clockDrift: { host: hostNumber, rate: amount },
  slowDisk: { host: hostNumber, byMs: someMs, forMs: someMs },
  fullDisk: { host: hostNumber, forMs: someMs },
  engineAway: { host: hostNumber, forMs: someMs },
  engineHangs: { host: hostNumber, call: text, forMs: someMs },
  slowPulls: { host: hostNumber, byMs: someMs, forMs: someMs },
  containerEnds: { host: hostNumber, which: whole(0, 1_000_000), exitCode: whole(0, 255) },
  containersWiped: { host: hostNumber },
  image: { image: text, behaviour: object, forMs: someMs },
  join: { by: hostNumber, token: either({ last: true }), ttlSeconds: whole(1, 1_000_000), waitMs: someMs },
  rejoin: { host: hostNumber },
  forge: { host: hostNumber, victim: hostNumber },
  poison: { host: hostNumber },
  file: { host: hostNumber, file: text, text: (value) => (value === null ? undefined : text(value)) },
  request: { host: hostNumber, method: text, target: text, body: object, what: text },
  deletePod: { host: hostNumber, which: whole(0, 1_000_000), graceSeconds: amount },
  deletePods: { host: hostNumber, app: text, graceSeconds: amount },
  drain: { host: hostNumber, node: hostNumber, forMs: someMs },
};

export function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  const full = JSON.stringify(value) ?? String(value);
  return full.length > 60 ? `${full.slice(0, 60)}…` : full;
}
