import { KithError } from '../../../protocol/errors.ts';

/** Tasks that wait for their turn; more means that the disk can't keep up and that callers must slow down. */
const MAX_QUEUED = 10_000;
/** Tasks that share one fsync. Bounds how long the first of them waits for the last. */
const MAX_BATCH = 256;

interface Queued<Task> {
  task: Task;
  resolve: () => void;
  reject: (reason: unknown) => void;
}

/**
 * Group commit: one batch at a time, and while its fsync runs the next batch gathers. `run` gets the tasks in order; it answers with those that failed alone.
 * When it throws, the whole batch failed.
 */
export class CommitQueue<Task> {
  private readonly waiting: Queued<Task>[] = [];
  private running: Promise<void> | undefined;
  private closed = false;
  private readonly run: (tasks: readonly Task[]) => Promise<ReadonlyMap<Task, unknown>>;

  constructor(run: (tasks: readonly Task[]) => Promise<ReadonlyMap<Task, unknown>>) {
    this.run = run;
  }

  /** @throws KithError `ReplicaStopped` | `ReplicaBusy`, and what `run` throws or answers for this task */
  add(task: Task): Promise<void> {
    if (this.closed) return Promise.reject(new KithError('ReplicaStopped', 'the replica is stopped: nothing can be written to it'));
    if (this.waiting.length >= MAX_QUEUED) {
      return Promise.reject(new KithError('ReplicaBusy', `${MAX_QUEUED} writes wait for the disk already: try again later`));
    }
    const done = new Promise<void>((resolve, reject) => this.waiting.push({ task, resolve, reject }));
    this.running ??= this.drain();
    return done;
  }

  /** Refuses new tasks; resolves when those that wait are done. */
  async close(): Promise<void> {
    this.closed = true;
    await this.running;
  }

  private async drain(): Promise<void> {
    // One turn of the loop, so that callers of the same moment share the first batch.
    await Promise.resolve();
    while (this.waiting.length > 0) await this.runBatch(this.waiting.splice(0, MAX_BATCH));
    this.running = undefined;
  }

  private async runBatch(batch: readonly Queued<Task>[]): Promise<void> {
    try {
      const failures = await this.run(batch.map(({ task }) => task));
      for (const { task, resolve, reject } of batch) {
        if (failures.has(task)) reject(failures.get(task));
        else resolve();
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
