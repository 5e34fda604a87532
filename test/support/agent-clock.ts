import { VirtualClock } from './virtual-clock.ts';

/** A virtual clock for tests that wait on conditions, and whose wall clock may jump. */
export class AgentClock extends VirtualClock {
  private jumpedMs = 0;

  override now(): number {
    return super.now() + this.jumpedMs;
  }

  /** The wall clock jumps; durations don't. */
  jumpWall(ms: number): void {
    this.jumpedMs += ms;
  }

  /** Lets `ms` pass, and all promises settle. */
  async advance(ms: number): Promise<void> {
    await settle();
    await this.pass(ms);
    await settle();
  }

  /**
   * Lets time pass until `condition` holds, asked every `stepMs`.
   * @throws Error naming `what` after `limitMs` of virtual time
   */
  async until(what: string, condition: () => boolean, limitMs = 600_000, stepMs = 100): Promise<void> {
    const end = this.monotonic() + limitMs;
    await settle();
    while (!condition()) {
      if (this.monotonic() >= end) throw new Error(`waited ${limitMs} ms of virtual time for: ${what}`);
      await this.advance(stepMs);
    }
  }
}

async function settle(): Promise<void> {
  for (let round = 0; round < 2; round += 1) await new Promise((resolve) => setImmediate(resolve));
}
