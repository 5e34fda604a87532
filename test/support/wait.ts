/** Until pods run or are gone, on a machine that does many other things. */
export const PATIENCE_MS = 45_000;

export interface WaitOptions {
  timeoutMs?: number;
  everyMs?: number;
  signal?: AbortSignal;
}

/**
 * Resolves with the first truthy answer of `condition`. A condition that throws is asked again, and its last error is told when time runs out.
 * @throws Error that names `what` was waited for.
 */
export async function waitFor<T>(what: string, condition: () => T | Promise<T>, options: WaitOptions = {}): Promise<NonNullable<T>> {
  const { timeoutMs = 10_000, everyMs = 20, signal } = options;
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const answer = await condition();
      if (answer) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      const why = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`waited ${timeoutMs} ms for: ${what}${why}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
