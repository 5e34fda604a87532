import { KithError } from '../../../protocol/errors.ts';
import type { Clock } from '../../ports/clock.ts';

/**
 * Runs `work` with a signal that fires with the given one and after `ms`. Does not wait for work that ignores its signal.
 * @throws KithError `Aborted` when the signal fired, `Timeout` after `ms`; else what `work` throws
 */
export async function bounded<Result>(
  clock: Clock,
  what: string,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const own = new AbortController();
  let refuse: (error: KithError) => void = () => undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    refuse = reject;
  });
  const abort = (error: KithError): void => {
    refuse(error);
    own.abort(error);
  };
  const onAbort = (): void => abort(new KithError('Aborted', `${what}: given up`));
  const cancel = clock.after(ms, () => abort(new KithError('Timeout', `${what}: no answer within ${ms / 1000} s`)));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) throw new KithError('Aborted', `${what}: given up`);
    return await Promise.race([work(own.signal), limit]);
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
    // Nobody may be listening any more.
    limit.catch(() => undefined);
  }
}

/** At most `size` at once; the others wait their turn, first come first served. */
export class Turnstile {
  readonly #size: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** @throws KithError `Aborted` when the signal fires while it waits */
  async run<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#inside -= 1;
      this.#waiting.shift()?.();
    }
  }

  #enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(new KithError('Aborted', 'given up before its turn'));
    if (this.#inside < this.#size) {
      this.#inside += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const admit = (): void => {
        signal.removeEventListener('abort', leave);
        this.#inside += 1;
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(admit), 1);
        reject(new KithError('Aborted', 'given up while it waited for its turn'));
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(admit);
    });
  }
}
