import type { Random } from '../../daemon/ports/clock.ts';
import { seededRandom } from '../support/virtual-clock.ts';

/** Draws from a seed. A fork draws on its own: what is drawn from it changes nothing elsewhere. */
export class Draw implements Random {
  private readonly random: Random;
  private readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
    this.random = seededRandom(seed);
  }

  next(): number {
    return this.random.next();
  }

  bytes(length: number): Uint8Array {
    return this.random.bytes(length);
  }

  fork(): Draw {
    return new Draw(Math.floor(this.next() * 2 ** 32));
  }

  /** As a fork, one for each name, but it takes no draw: what came later in the scenarios that were kept leaves them as they were. */
  aside(name: number): Draw {
    return new Draw(this.seed ^ Math.imul(name, 0x9e3779b1));
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  /** Uniform in [least, most], whole. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** Small mostly, large sometimes: uniform in the logarithm. */
  duration(leastMs: number, mostMs: number): number {
    return Math.round(leastMs * (mostMs / leastMs) ** this.next());
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** In proportion to the weights. */
  weighted<Item>(items: readonly (readonly [weight: number, item: Item])[]): Item {
    let rest = this.next() * items.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, item] of items) {
      rest -= weight;
      if (rest < 0) return item;
    }
    return this.pick(items)[1];
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const left = [...items];
    const order: Item[] = [];
    while (left.length > 0) order.push(...left.splice(Math.floor(this.next() * left.length), 1));
    return order;
  }
}
