import { describe, expect, it } from 'vitest';
import { isTimeZone, parseCron, type CronSchedule } from '../../../protocol/values/cron.ts';
import { countTimes, latestTime, nextTime } from '../../../protocol/values/cron-times.ts';

function schedule(text: string): CronSchedule {
  const parsed = parseCron(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed;
}

function nexts(text: string, after: string, count: number, zone = 'UTC'): string[] {
  const times: string[] = [];
  for (let at = Date.parse(after); times.length < count;) {
    at = nextTime(schedule(text), zone, at) ?? Number.NaN;
    times.push(new Date(at).toISOString().slice(0, 16));
  }
  return times;
}

describe('schedules', () => {
  it.each([
    ['* * * * *', '2026-01-01T00:00:30Z', ['2026-01-01T00:01', '2026-01-01T00:02']],
    ['*/15 9-10 * * mon-fri', '2026-01-02T10:40:00Z', ['2026-01-02T10:45', '2026-01-05T09:00']],
    ['5/20 0 1 jan,jul *', '2026-01-01T00:30:00Z', ['2026-01-01T00:45', '2026-07-01T00:05']],
    ['0 0 13 * FRI', '2026-02-08T00:00:00Z', ['2026-02-13T00:00', '2026-02-20T00:00']],
    ['0 0 */1 * 5', '2026-02-08T00:00:00Z', ['2026-02-13T00:00', '2026-02-20T00:00']],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', ['2028-02-29T00:00']],
    ['@hourly', '2026-01-01T00:00:00Z', ['2026-01-01T01:00']],
    ['@weekly', '2026-01-01T00:00:00Z', ['2026-01-04T00:00']],
    ['@yearly', '2026-01-01T00:00:00Z', ['2027-01-01T00:00']],
    ['@every 90m', '2026-01-01T00:00:00Z', ['2026-01-01T01:30', '2026-01-01T03:00']],
  ])('%s after %s', (text, after, expected) => {
    expect(nexts(text, after, expected.length)).toEqual(expected);
  });

  it('are read in their time zone', () => {
    expect(nexts('0 9 * * *', '2026-06-01T00:00:00Z', 2, 'America/New_York')).toEqual(['2026-06-01T13:00', '2026-06-02T13:00']);
    expect(nexts('30 0 * * *', '2026-01-01T00:00:00Z', 1, 'Asia/Kolkata')).toEqual(['2026-01-01T19:00']);
  });

  it('leave out what a clock leaps over', () => {
    expect(nexts('30 2 * * *', '2026-03-28T12:00:00Z', 2, 'Europe/Berlin')).toEqual(['2026-03-30T00:30', '2026-03-31T00:30']);
    expect(nexts('0 0 * * *', '2026-03-28T12:00:00Z', 3, 'Europe/Berlin')).toEqual([
      '2026-03-28T23:00',
      '2026-03-29T22:00',
      '2026-03-30T22:00',
    ]);
    // There is no midnight on that day.
    expect(nexts('30 1 * * *', '2026-04-23T12:00:00Z', 2, 'Africa/Cairo')).toEqual(['2026-04-23T22:30', '2026-04-24T22:30']);
  });

  it('that match nothing are never due', () => {
    expect(nextTime(schedule('0 0 30 2 *'), 'UTC', 0)).toBeUndefined();
  });

  it('tell the latest time that was due, however long ago', () => {
    const until = Date.parse('2026-06-15T12:34:56Z');
    const latest = (text: string, after: string): string | undefined => {
      const at = latestTime(schedule(text), 'UTC', Date.parse(after), until);
      return at === undefined ? undefined : new Date(at).toISOString().slice(0, 16);
    };
    expect(latest('* * * * *', '2020-01-01T00:00:00Z')).toBe('2026-06-15T12:34');
    expect(latest('0 0 1 1 *', '2020-01-01T00:00:00Z')).toBe('2026-01-01T00:00');
    expect(latest('0 12 * * *', '2026-06-15T12:00:00Z')).toBeUndefined();
    expect(latest('0 0 30 2 *', '2020-01-01T00:00:00Z')).toBeUndefined();
    expect(countTimes(schedule('0 * * * *'), 'UTC', until - 5 * 3_600_000, until, 100)).toBe(5);
    expect(countTimes(schedule('* * * * *'), 'UTC', 0, until, 101)).toBe(101);
  });

  it.each([
    ['often', 'expected exactly 5 fields, found 1: [often]'],
    ['@sometimes', 'unrecognized descriptor: @sometimes'],
    ['61 * * * *', 'end of range (61) above maximum (59): 61'],
    ['5-3 * * * *', 'beginning of range (5) beyond end of range (3): 5-3'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['* * * * 7', 'end of range (7) above maximum (6): 7'],
  ])('%s is refused: %s', (text, problem) => {
    expect(parseCron(text)).toEqual({ problem });
  });

  it('know time zones', () => {
    expect([isTimeZone('Europe/Vienna'), isTimeZone('Etc/UTC'), isTimeZone('Moon/Crater')]).toEqual([true, true, false]);
  });
});
