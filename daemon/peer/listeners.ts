import type { Log } from '../ports/log.ts';

/** Who wants to hear of something. A listener that throws is logged and does not keep the others from hearing. */
export class Listeners<Event> {
  private readonly listeners = new Set<(event: Event) => void>();
  private readonly log: Log;

  constructor(log: Log) {
    this.log = log;
  }

  /** The answer unsubscribes. */
  add(listener: (event: Event) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(event: Event): void {
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch (error) {
        this.log.error('A listener failed: this is a bug', { error });
      }
    }
  }
}
