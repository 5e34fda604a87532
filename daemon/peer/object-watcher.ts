import { KithError } from '../../protocol/errors.ts';
import type { GroupResource } from '../../protocol/objects.ts';
import type { ObjectEvent } from '../ports/objects.ts';
import type { EventRing } from './event-ring.ts';

/**
 * One watch: a place in the ring, no queue of its own, so that a slow reader costs nothing. A reader that the ring has left behind ends with `Expired`.
 * For one reader at a time.
 */
export class ObjectWatcher implements AsyncIterable<ObjectEvent>, AsyncIterator<ObjectEvent> {
  private readonly ring: EventRing;
  private readonly resource: GroupResource;
  private readonly onClosed: () => void;
  private readonly signal: AbortSignal;
  /** Next entry to look at; undefined when all of this resource's events were handed out. */
  private cursor: number | undefined;
  private waiting: { resolve(result: IteratorResult<ObjectEvent>): void } | undefined;
  private closed = false;
  private readonly onAbort = (): void => this.close();

  constructor(ring: EventRing, resource: GroupResource, cursor: number, signal: AbortSignal, onClosed: () => void) {
    this.ring = ring;
    this.resource = resource;
    this.cursor = cursor;
    this.signal = signal;
    this.onClosed = onClosed;
    if (signal.aborted) this.closed = true;
    else signal.addEventListener('abort', this.onAbort, { once: true });
    // Passes by what is not ours, so that a quiet resource never expires while others are busy.
    this.skipForeign();
  }

  /** An event of this resource was appended. */
  wake(sequence: number): void {
    this.cursor ??= sequence;
    const event = this.waiting === undefined ? undefined : this.take();
    if (event === undefined) return;
    this.waiting?.resolve({ value: event, done: false });
    this.waiting = undefined;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.signal.removeEventListener('abort', this.onAbort);
    this.onClosed();
    this.waiting?.resolve({ value: undefined, done: true });
    this.waiting = undefined;
  }

  async next(): Promise<IteratorResult<ObjectEvent>> {
    if (this.closed) return { value: undefined, done: true };
    if (this.cursor !== undefined && this.cursor < this.ring.first) {
      this.close();
      throw new KithError('Expired', 'too old resource version: this watch was read too slowly; list again');
    }
    const event = this.take();
    if (event !== undefined) return { value: event, done: false };
    return new Promise((resolve) => (this.waiting = { resolve }));
  }

  async return(): Promise<IteratorResult<ObjectEvent>> {
    this.close();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): AsyncIterator<ObjectEvent> {
    return this;
  }

  private take(): ObjectEvent | undefined {
    if (this.cursor === undefined) return undefined;
    const entry = this.ring.get(this.cursor);
    if (entry !== undefined) this.cursor += 1;
    this.skipForeign();
    return entry?.event;
  }

  /** Afterwards the cursor stands at an event of this resource, or is undefined. */
  private skipForeign(): void {
    while (this.cursor !== undefined) {
      const entry = this.ring.get(this.cursor);
      if (entry?.resource === this.resource) return;
      this.cursor = entry === undefined ? undefined : this.cursor + 1;
    }
  }
}
