/** Schedules as cron has them. Source of the grammar and of the words of errors: github.com/robfig/cron v3 (ParseStandard), which upstream uses. */

export interface CronSchedule {
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  days: ReadonlySet<number>;
  months: ReadonlySet<number>;
  weekdays: ReadonlySet<number>;
  /** With a star in either, both the day of the month and that of the week must match; else one of them. */
  anyDay: boolean;
  /** Of `@every`: milliseconds between two times; the fields mean nothing then. */
  everyMs?: number;
}

interface Bounds {
  least: number;
  most: number;
  names?: readonly string[];
}

const MONTHS = ['', 'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const MINUTE: Bounds = { least: 0, most: 59 };
const HOUR: Bounds = { least: 0, most: 23 };
const DAY: Bounds = { least: 1, most: 31 };
const MONTH: Bounds = { least: 1, most: 12, names: MONTHS };
const WEEKDAY: Bounds = { least: 0, most: 6, names: WEEKDAYS };

const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
const MAX_SCHEDULE_LENGTH = 1_000;

/** The schedule, or what is wrong with the text. */
export function parseCron(text: string): CronSchedule | { problem: string } {
  if (text.length > MAX_SCHEDULE_LENGTH) return { problem: `more than ${MAX_SCHEDULE_LENGTH} characters` };
  if (text.startsWith('@every ')) return parseEvery(text.slice('@every '.length));
  if (text.startsWith('@') && DESCRIPTORS[text] === undefined) return { problem: `unrecognized descriptor: ${text}` };
  const fields = (DESCRIPTORS[text] ?? text).split(/\s+/).filter((field) => field !== '');
  if (fields.length !== 5) return { problem: `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]` };
  const sets: Set<number>[] = [];
  for (const [index, bounds] of [MINUTE, HOUR, DAY, MONTH, WEEKDAY].entries()) {
    const set = parseField(fields[index] ?? '', bounds);
    if (typeof set === 'string') return { problem: set };
    sets.push(set);
  }
  const [minutes, hours, days, months, weekdays] = sets as [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>];
  return { minutes, hours, days, months, weekdays, anyDay: !isStar(fields[2]) && !isStar(fields[4]) };
}

function isStar(field = ''): boolean {
  return field.split(',').some((part) => /^[*?](?:\/1)?$/.test(part));
}

function parseEvery(duration: string): CronSchedule | { problem: string } {
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== duration)
    return { problem: `failed to parse duration @every ${duration}: time: invalid duration "${duration}"` };
  const ms = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS_MS[unit ?? ''] ?? 0), 0);
  const none: ReadonlySet<number> = new Set();
  const everyMs = Math.max(1_000, Math.floor(ms / 1_000) * 1_000);
  return { minutes: none, hours: none, days: none, months: none, weekdays: none, anyDay: false, everyMs };
}

/** The numbers of a field, or what is wrong with it. */
function parseField(field: string, bounds: Bounds): Set<number> | string {
  const set = new Set<number>();
  for (const part of field.split(',').filter((each) => each !== '')) {
    const problem = addRange(part, bounds, set);
    if (problem !== undefined) return problem;
  }
  return set;
}

function addRange(text: string, bounds: Bounds, set: Set<number>): string | undefined {
  const [range = '', step, ...moreSteps] = text.split('/');
  const [from = '', to, ...moreEnds] = range.split('-');
  const isAll = from === '*' || from === '?';
  if (moreEnds.length > 0) return `too many hyphens: ${text}`;
  if (moreSteps.length > 0) return `too many slashes: ${text}`;
  const first = isAll ? bounds.least : numberOf(from, bounds);
  if (typeof first === 'string') return first;
  const stated = to === undefined || isAll ? undefined : numberOf(to, bounds);
  if (typeof stated === 'string') return stated;
  const every = step === undefined ? 1 : numberOf(step, { least: 0, most: 0 });
  if (typeof every === 'string') return every;
  // `5/15` begins there and goes on to the end.
  const last = stated ?? (isAll || step !== undefined ? bounds.most : first);
  if (first < bounds.least) return `beginning of range (${first}) below minimum (${bounds.least}): ${text}`;
  if (last > bounds.most) return `end of range (${last}) above maximum (${bounds.most}): ${text}`;
  if (first > last) return `beginning of range (${first}) beyond end of range (${last}): ${text}`;
  if (every === 0) return `step of range should be a positive number: ${text}`;
  for (let value = first; value <= last; value += every) set.add(value);
  return undefined;
}

function numberOf(text: string, { names }: Bounds): number | string {
  const named = text === '' ? -1 : (names?.indexOf(text.toLowerCase()) ?? -1);
  if (named >= 0) return named;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  return `failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`;
}

/** Whether Intl knows the time zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
