import { Worker } from 'node:worker_threads';
import type { Task, TaskResult } from './task.ts';

/** Most of what a simulated daemon makes is garbage soon: a large nursery saves a tenth of the time. */
const NURSERY_MIB = 64;

/** Threads that run tasks, one each at a time. */
export class Crew {
  private readonly workers: Worker[];
  private readonly idle: Worker[] = [];
  private readonly waiting: ((worker: Worker) => void)[] = [];

  /** @param url the program whose threads answer tasks: this very bundle */
  constructor(url: URL, size: number) {
    this.workers = Array.from(
      { length: size },
      () => new Worker(url, { workerData: 'simulate', resourceLimits: { maxYoungGenerationSizeMb: NURSERY_MIB } }),
    );
    this.idle.push(...this.workers);
  }

  async run(task: Task): Promise<TaskResult> {
    const worker = this.idle.pop() ?? (await new Promise<Worker>((resolve) => this.waiting.push(resolve)));
    try {
      return await ask(worker, task);
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.idle.push(worker);
      else next(worker);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.workers.map(async (worker) => worker.terminate()));
  }
}

function ask(worker: Worker, task: Task): Promise<TaskResult> {
  return new Promise((resolve, reject) => {
    const answered = (result: TaskResult): void => {
      worker.off('error', failed);
      resolve(result);
    };
    const failed = (error: Error): void => {
      worker.off('message', answered);
      reject(error);
    };
    worker.once('message', answered);
    worker.once('error', failed);
    worker.postMessage(task);
  });
}
