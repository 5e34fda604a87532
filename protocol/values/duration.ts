import { parseTime } from './time.ts';

const SECOND_MS = 1000;
const HOURS_PER_DAY = 24;
const DAYS_PER_YEAR = 365;

/**
 * Ages as kubectl prints them: two units at most, fewer as they grow. `ms` may be a little negative (clocks differ).
 * Source: HumanDuration in k8s.io/apimachinery/pkg/util/duration.
 */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / SECOND_MS);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / HOURS_PER_DAY);
  if (days < 8) return pair(days, 'd', hours % HOURS_PER_DAY, 'h');
  if (days < 2 * DAYS_PER_YEAR) return `${days}d`;
  const years = Math.floor(days / DAYS_PER_YEAR);
  if (years < 8) return pair(years, 'y', days % DAYS_PER_YEAR, 'd');
  return `${years}y`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}

/** How long ago an RFC 3339 time was; `<unknown>` when it is missing or no time. `now` is ms since 1970. */
export function ageSince(time: string | null | undefined, now: number): string {
  const at = typeof time === 'string' ? parseTime(time) : undefined;
  return at === undefined ? '<unknown>' : humanDuration(now - at);
}
