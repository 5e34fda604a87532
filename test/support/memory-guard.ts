import type { Guard, GuardedPod, ProcessMarks } from '../../daemon/ports/guard.ts';

/** A guard in memory: the test says when it kills, and what it sees. */
export class MemoryGuard implements Guard {
  readonly pods = new Map<string, GuardedPod>();
  readonly calls: string[] = [];
  seen = { seen: 1, killable: 1 };
  readonly #listeners = new Set<(uid: string, why: string) => void>();

  async start(): Promise<readonly GuardedPod[]> {
    return [...this.pods.values()];
  }

  stop(): void {
    this.calls.push('stop');
  }

  async arm(pod: Omit<GuardedPod, 'expired'>): Promise<void> {
    this.calls.push(`arm ${pod.uid}`);
    this.pods.set(pod.uid, { ...pod, expired: false });
  }

  async mark(uid: string, _marks: ProcessMarks): Promise<void> {
    this.calls.push(`mark ${uid}`);
  }

  async look(): Promise<{ seen: number; killable: number }> {
    return this.seen;
  }

  async clear(uid: string): Promise<void> {
    this.calls.push(`clear ${uid}`);
    this.pods.delete(uid);
  }

  async forget(uid: string): Promise<void> {
    this.calls.push(`forget ${uid}`);
    this.pods.delete(uid);
  }

  onKilled(listener: (uid: string, why: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  kill(uid: string): void {
    for (const listener of this.#listeners) listener(uid, 'its lease was over');
  }
}

/** A vote book in memory. */
export class MemoryVoteBook {
  record: Uint8Array | undefined;
  damaged = false;
  writes = 0;

  async load(): Promise<Uint8Array | undefined> {
    if (this.damaged) throw new Error('damaged');
    return this.record;
  }

  async save(record: Uint8Array): Promise<void> {
    this.writes += 1;
    this.record = record;
  }
}
