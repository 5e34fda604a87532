import { STREAMING_LIMITS } from './limits.ts';

/** Number of the window that all streams share. */
const SESSION = 0;

/**
 * How much the client takes of each stream and of all together (SPDY/3.1, 2.6.8). kubectl's SPDY never widens a window, so that to heed them would end every answer
 * after 64 KiB: windows count from the moment when a client shows that it has some, by SETTINGS or WINDOW_UPDATE. For the others TCP alone is the bound.
 */
export class SendWindows {
  #counts = false;
  #initial: number = STREAMING_LIMITS.spdyWindowBytes;
  /** Bytes sent of each stream, and what its client has added to its window. */
  readonly #sent = new Map<number, number>();
  readonly #added = new Map<number, number>();
  readonly #waiting = new Set<() => void>();
  #closed = false;

  /** A SETTINGS frame: each stream's window begins with so much. */
  start(bytes: number): void {
    this.#counts = true;
    this.#initial = bytes;
    this.#wakeAll();
  }

  /** A WINDOW_UPDATE frame. */
  widen(streamId: number, bytes: number): void {
    this.#counts = true;
    if (streamId === SESSION || this.#sent.has(streamId)) this.#added.set(streamId, (this.#added.get(streamId) ?? 0) + bytes);
    this.#wakeAll();
  }

  open(streamId: number): void {
    this.#sent.set(streamId, 0);
  }

  /** A stream that is done: whoever waits for its window is let go. */
  forget(streamId: number): void {
    this.#sent.delete(streamId);
    this.#added.delete(streamId);
    this.#wakeAll();
  }

  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  /** Resolves to how many of `wanted` bytes may be sent now, once it is more than none. They count as sent. 0 when the stream is no more. */
  async take(streamId: number, wanted: number): Promise<number> {
    for (;;) {
      if (this.#closed || !this.#sent.has(streamId)) return 0;
      const room = this.#counts
        ? Math.min(wanted, this.#room(streamId, this.#initial), this.#room(SESSION, STREAMING_LIMITS.spdyWindowBytes))
        : wanted;
      if (room > 0) {
        for (const each of [streamId, SESSION]) this.#sent.set(each, (this.#sent.get(each) ?? 0) + room);
        return room;
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #room(streamId: number, initial: number): number {
    return initial + (this.#added.get(streamId) ?? 0) - (this.#sent.get(streamId) ?? 0);
  }

  #wakeAll(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
