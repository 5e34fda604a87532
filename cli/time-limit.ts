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

/** Of an option; undefined where it is not given. @throws CliError */
export function wholeSeconds(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new CliError(`${option}=${text}: expected a whole number of seconds`, EXIT_USAGE);
  return Number(text);
}
