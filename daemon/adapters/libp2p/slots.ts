import { KithError } from '../../../protocol/errors.ts';

/** Lets `capacity` callers in at a time, the rest in the order they came, and refuses more than `queueLimit` of them. */
export class Slots {
  readonly #capacity: number;
  readonly #queueLimit: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(capacity: number, queueLimit: number) {
    this.#capacity = capacity;
    this.#queueLimit = queueLimit;
  }

  /**
   * Resolves to what gives the slot back.
   * @throws the signal's reason when it aborts first; KithError `PeerUnreachable` when too many wait already
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < this.#capacity) this.#taken++;
    else await this.#wait(signal);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#taken--;
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#queueLimit) {
      return Promise.reject(new KithError('PeerUnreachable', `${this.#queueLimit} requests wait for this peer already; try again later`));
    }
    return new Promise<void>((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal.reason as Error);
      };
      this.#waiting.push(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
