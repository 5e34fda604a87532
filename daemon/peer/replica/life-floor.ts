import type { Store } from '../../ports/store.ts';
import { metaOperation } from './disk.ts';

/** The greatest life whose grave was forgotten anywhere: new lives are greater. It only rises, here and on disk. */
export class LifeFloor {
  private readonly store: Store;
  private readonly clusterId: string;
  private raised: Promise<void> = Promise.resolve();
  private known = 0;

  constructor(store: Store, clusterId: string) {
    this.store = store;
    this.clusterId = clusterId;
  }

  /** On disk. */
  get value(): number {
    return this.known;
  }

  /** As read from disk. */
  load(floor: number): void {
    this.known = floor;
  }

  /** Resolves once it is on disk. One after the other: of two at once the greater stays there. */
  raise(floor: number): Promise<void> {
    if (floor <= this.known) return Promise.resolve();
    const raised = this.raised.then(async () => this.write(floor));
    this.raised = raised.catch(() => undefined);
    return raised;
  }

  private async write(floor: number): Promise<void> {
    if (floor <= this.known) return;
    await this.store.write([metaOperation(this.clusterId, floor)]);
    this.known = floor;
  }
}
