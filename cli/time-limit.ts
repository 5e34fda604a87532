import { CliError, EXIT_USAGE } from './errors.ts';

/** Node's timers know no longer delay: they take it for one of 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Aborts with a `TimeoutError` when the time is up; keeps no process running. Not `AbortSignal.timeout`: nothing holds one of those that is only a source of
 * `AbortSignal.any`, and once it is collected (Node 20.20) it never fires.
 */
export function timeLimit(limitMs: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(
    () => controller.abort(new DOMException(`${limitMs} ms are over`, 'TimeoutError')),
    Math.min(limitMs, LONGEST_TIMER_MS),
  ).unref();
  return controller.signal;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Of an option: `90`, `90s`, `1h30m`. @throws CliError */
export function seconds(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  if (!/^(\d{1,9}[smhd])+$/.test(text)) throw new CliError(`${option}=${text}: expected a duration such as 10s, 5m, 1h30m`, EXIT_USAGE);
  return [...text.matchAll(/(\d+)([smhd])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_SECONDS[unit ?? ''] ?? 1), 0);
}

/** Of an option; undefined where it is not given. @throws CliError */
export function wholeSeconds(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new CliError(`${option}=${text}: expected a whole number of seconds`, EXIT_USAGE);
  return Number(text);
}
