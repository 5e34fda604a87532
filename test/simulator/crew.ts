import { Worker } from 'node:worker_threads';
import { plotNameOf } from './task.ts';
import type { Task, TaskResult } from './task.ts';

/** Most of what a simulated daemon makes is garbage soon: a large nursery saves a tenth of the time. */
const NURSERY_MIB = 64;

/** What stands in place of a checker where no run came to its end. */
export const TIMED_OUT = 'timedOut';
export const THREAD_DIED = 'threadDied';

export interface CrewOptions {
  /** Threads. */
  size: number;
  /** Real time that one task may take, ms. */
  timeoutMs: number;
}

/** Threads that run tasks, one each at a time. One that dies, or does not come to its end, costs its own task and no other. */
export class Crew {
  private readonly url: URL;
  private readonly timeoutMs: number;
  private readonly all = new Set<Hand>();
  private readonly idle: Hand[] = [];
  private readonly waiting: ((hand: Hand) => void)[] = [];

  /** @param url the program whose threads answer tasks: this very bundle */
  constructor(url: URL, { size, timeoutMs }: CrewOptions) {
    this.url = url;
    this.timeoutMs = timeoutMs;
    for (let count = 0; count < size; count += 1) this.idle.push(this.hire());
  }

  /** Of a task that was not run to its end the failure says so. */
  async run(task: Task): Promise<TaskResult> {
    const given = this.idle.pop() ?? (await new Promise<Hand>((resolve) => this.waiting.push(resolve)));
    const hand = given.isDead ? this.replace(given) : given;
    const began = performance.now();
    const answer = await hand.ask(task, this.timeoutMs);
    this.free(hand.isDead ? this.replace(hand) : hand);
    return 'result' in answer ? answer.result : unfinished(task, answer, Math.round(performance.now() - began));
  }

  async end(): Promise<void> {
    await Promise.all([...this.all].map(async (hand) => hand.end()));
  }

  private free(hand: Hand): void {
    const next = this.waiting.shift();
    if (next === undefined) this.idle.push(hand);
    else next(hand);
  }

  private hire(): Hand {
    const hand = new Hand(this.url);
    this.all.add(hand);
    return hand;
  }

  private replace(hand: Hand): Hand {
    this.all.delete(hand);
    return this.hire();
  }
}

interface Unfinished {
  checker: string;
  why: string;
}

type Answer = { result: TaskResult } | Unfinished;

/** One thread. */
class Hand {
  isDead = false;
  private readonly worker: Worker;
  private answered: ((answer: Answer) => void) | undefined;

  constructor(url: URL) {
    this.worker = new Worker(url, { workerData: 'simulate', resourceLimits: { maxYoungGenerationSizeMb: NURSERY_MIB } });
    this.worker.on('message', (result: TaskResult) => this.answer({ result }));
    this.worker.on('error', (error) => this.die(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    this.worker.on('exit', (code) => this.die(`it ended by itself, with exit code ${code}`));
  }

  async ask(task: Task, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve) => {
      const watchdog = setTimeout(() => {
        this.isDead = true;
        this.answer({ checker: TIMED_OUT, why: `it has not ended after ${timeoutMs / 1000} s of real time: its thread was ended` });
        void this.worker.terminate();
      }, timeoutMs);
      this.answered = (answer) => {
        clearTimeout(watchdog);
        resolve(answer);
      };
      if (this.isDead) this.answer({ checker: THREAD_DIED, why: 'its thread had died' });
      else this.worker.postMessage(task);
    });
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }

  private die(why: string): void {
    this.isDead = true;
    this.answer({ checker: THREAD_DIED, why: `the thread that ran it died: ${why}` });
  }

  private answer(answer: Answer): void {
    this.answered?.(answer);
    this.answered = undefined;
  }
}

function unfinished(task: Task, { checker, why }: Unfinished, realMs: number): TaskResult {
  const failure = { checker, message: `${checker}: ${why}` };
  const nothing = { digest: '', virtualMs: 0, stormMs: 0, steps: 0, faults: {}, timeline: '' };
  return { seed: task.seed, plot: plotNameOf(task), failure, realMs, ...nothing };
}
