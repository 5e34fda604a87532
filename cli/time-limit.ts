/**
 * Aborts with a `TimeoutError` when the time is up; keeps no process running. Not `AbortSignal.timeout`: nothing holds one of those that is only a source of
 * `AbortSignal.any`, and once it is collected (Node 20.20) it never fires.
 */
export function timeLimit(limitMs: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException(`${limitMs} ms are over`, 'TimeoutError')), limitMs).unref();
  return controller.signal;
}
