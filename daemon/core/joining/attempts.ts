/** Attempts to join in a minute: from one address, and from all. A secret of 128 bits needs no such limit; the daemon's time does. */
export const ATTEMPT_WINDOW_MS = 60_000;
export const MAX_ATTEMPTS_PER_ADDRESS = 30;
export const MAX_ATTEMPTS = 300;

/** Counts attempts in windows of a minute. Bounded: what is counted in a window is at most {@link MAX_ATTEMPTS}. */
export class JoinAttempts {
  readonly #perAddress = new Map<string, number>();
  #total = 0;
  #windowStart = Number.NEGATIVE_INFINITY;

  /** Whether this attempt, at monotonic `now` ms, may be looked at. */
  allow(address: string, now: number): boolean {
    if (now - this.#windowStart >= ATTEMPT_WINDOW_MS) {
      this.#windowStart = now;
      this.#total = 0;
      this.#perAddress.clear();
    }
    const fromAddress = this.#perAddress.get(address) ?? 0;
    if (this.#total >= MAX_ATTEMPTS || fromAddress >= MAX_ATTEMPTS_PER_ADDRESS) return false;
    this.#total++;
    this.#perAddress.set(address, fromAddress + 1);
    return true;
  }
}

/** `ADDRESS:PORT` without the port; IPv4 in IPv6's clothes counts as itself. */
export function addressOf(remoteAddress: string): string {
  return remoteAddress.replace(/:\d*$/, '').replace(/^::ffff:/, '');
}
