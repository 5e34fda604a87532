import { get } from 'node:http';

const TIMEOUT_MS = 2_000;
const LATENESS_MS = 20;

export interface LoadResult {
  answered: number;
  /** Messages of those that failed, in order. */
  failures: string[];
  /** Requests that failed, and were answered at a second try a moment later. */
  secondTries: number;
  /** How often each answer came. */
  answers: Map<string, number>;
}

/** One HTTP request after the other, each on a connection of its own, until it is stopped. */
export class SteadyLoad {
  readonly result: LoadResult = { answered: 0, failures: [], secondTries: 0, answers: new Map() };
  readonly #url: string;
  readonly #options: { everyMs: number; retryMs?: number };
  readonly #workers: Promise<void>[];
  #stopped = false;

  /** @param options.retryMs after which a request that failed is made once more; without it, it has failed */
  constructor(url: string, options: { everyMs: number; workers?: number; retryMs?: number }) {
    this.#url = url;
    this.#options = options;
    this.#workers = Array.from({ length: options.workers ?? 1 }, async () => this.#run());
  }

  async stop(): Promise<LoadResult> {
    this.#stopped = true;
    await Promise.all(this.#workers);
    return this.result;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#one();
      await pause(this.#options.everyMs + Math.random() * LATENESS_MS);
    }
  }

  async #one(): Promise<void> {
    const { retryMs } = this.#options;
    try {
      this.#note(await request(this.#url));
    } catch (error) {
      if (retryMs === undefined) return void this.result.failures.push((error as Error).message);
      await pause(retryMs);
      try {
        this.#note(await request(this.#url));
        this.result.secondTries += 1;
      } catch (again) {
        this.result.failures.push((again as Error).message);
      }
    }
  }

  #note(answer: string): void {
    this.result.answered += 1;
    this.result.answers.set(answer, (this.result.answers.get(answer) ?? 0) + 1);
  }
}

export async function request(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = get(url, { agent: false, timeout: TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => (response.statusCode === 200 ? resolve(text.trim()) : reject(new Error(`status ${response.statusCode}`))));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    sent.on('error', reject);
  });
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
