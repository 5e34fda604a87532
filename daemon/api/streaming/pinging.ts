import { sleep, type Clock } from '../../ports/clock.ts';
import { STREAMING_LIMITS } from './limits.ts';

/** Asks a silent client now and then whether it lives, while `run` runs: a connection that is dead breaks on what is written to it. */
export async function whilePinged(client: { ping(): Promise<void> }, clock: Clock, run: () => Promise<void>): Promise<void> {
  const done = new AbortController();
  const ping = async (): Promise<void> => {
    for (;;) {
      await sleep(clock, STREAMING_LIMITS.pingMs, done.signal);
      if (done.signal.aborted) return;
      await client.ping().catch(() => undefined);
    }
  };
  void ping();
  try {
    await run();
  } finally {
    done.abort();
  }
}
