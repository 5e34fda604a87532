import type { CronSchedule } from './cron.ts';

/** When a schedule is due. All times are milliseconds since 1970. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A schedule that matches nothing in this time (30 February) never does. */
const HORIZON_MS = 5 * 366 * DAY_MS;
/** How far back the latest time is looked for, step by step: of whatever is due often it is found in the first. */
const WINDOWS_MS = [HOUR_MS, DAY_MS, 32 * DAY_MS, 367 * DAY_MS, HORIZON_MS];
const MAX_ZONES = 100;

interface LocalTime {
  month: number;
  day: number;
  weekday: number;
  hour: number;
  minute: number;
}

/** The first time after `after`; undefined: never. Times that a clock leaps over are left out, those that it shows twice come twice, as upstream. */
export function nextTime(schedule: CronSchedule, timeZone: string, after: number): number | undefined {
  if (schedule.everyMs !== undefined) return after - (after % 1_000) + schedule.everyMs;
  let at = after - (after % MINUTE_MS) + MINUTE_MS;
  while (at <= after + HORIZON_MS) {
    const local = localTime(at, timeZone);
    if (!schedule.months.has(local.month) || !matchesDay(schedule, local)) at = nextDay(at, local, timeZone);
    else if (!schedule.hours.has(local.hour)) at += (60 - local.minute) * MINUTE_MS;
    else {
      let { minute } = local;
      while (minute < 60 && !schedule.minutes.has(minute)) minute += 1;
      at += (minute - local.minute) * MINUTE_MS;
      if (minute < 60) return at;
    }
  }
  return undefined;
}

/** The latest time after `after` up to `until`; undefined: none. */
export function latestTime(schedule: CronSchedule, timeZone: string, after: number, until: number): number | undefined {
  const { everyMs } = schedule;
  if (everyMs !== undefined) {
    const times = Math.floor((until - after) / everyMs);
    return times < 1 ? undefined : after - (after % 1_000) + times * everyMs;
  }
  for (const window of WINDOWS_MS) {
    let latest: number | undefined;
    const from = Math.max(after, until - window);
    for (let at = nextTime(schedule, timeZone, from); at !== undefined && at <= until; at = nextTime(schedule, timeZone, at)) latest = at;
    if (latest !== undefined || from === after) return latest;
  }
  return undefined;
}

/** How many times are due after `after` up to `until`, counted up to `most`. */
export function countTimes(schedule: CronSchedule, timeZone: string, after: number, until: number, most: number): number {
  let count = 0;
  for (let at = nextTime(schedule, timeZone, after); at !== undefined && at <= until && count < most; count += 1)
    at = nextTime(schedule, timeZone, at);
  return count;
}

function matchesDay({ days, weekdays, anyDay }: CronSchedule, { day, weekday }: LocalTime): boolean {
  return anyDay ? days.has(day) || weekdays.has(weekday) : days.has(day) && weekdays.has(weekday);
}

/** The first minute of the next local day, whose length may be odd. */
function nextDay(at: number, local: LocalTime, timeZone: string): number {
  const guess = at + DAY_MS - local.hour * HOUR_MS - local.minute * MINUTE_MS;
  const there = localTime(guess, timeZone);
  if (there.day === local.day) return guess + (24 - there.hour) * HOUR_MS;
  const earlier = guess - there.hour * HOUR_MS;
  return there.hour > 0 && localTime(earlier, timeZone).day === there.day ? earlier : guess;
}

const zones = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = zones.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  if (zones.size >= MAX_ZONES) zones.clear();
  zones.set(timeZone, format);
  return format;
}

function localTime(at: number, timeZone: string): LocalTime {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const of = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  const [month, day] = [of('month'), of('day')];
  return { month, day, weekday: new Date(Date.UTC(of('year'), month - 1, day)).getUTCDay(), hour: of('hour'), minute: of('minute') };
}
