import { LabCluster } from '../lab/cluster.ts';
import { createLab } from '../lab/lab.ts';
import { seededRandom } from '../support/virtual-clock.ts';
import { Book } from './book.ts';
import { check, restartsAmong } from './checks.ts';
import { begin, end, endsContainers, hurtText, planHurts, recover, type PlannedHurt } from './hurts.ts';
import { Writer } from './writer.ts';

export interface ChaosOptions {
  hosts: number;
  rounds: number;
  seed: number;
  roundMs: number;
}

export interface ChaosResult {
  passed: number;
  failed: number;
  /** Writes that were acknowledged. */
  writes: number;
}

const WRITERS = 3;

/**
 * Rounds of random hurts with writes going on; after each the hurts stop and what must hold is looked at. The plan of hurts follows from the seed alone; what the
 * hosts make of it does not.
 */
export async function runChaos(options: ChaosOptions, say: (line: string) => void): Promise<ChaosResult> {
  const { hosts, rounds, seed, roundMs } = options;
  say(`chaos: seed ${seed}, ${hosts} hosts, ${rounds} rounds`);
  const began = performance.now();
  const tell = (text: string): void => say(`${((performance.now() - began) / 1_000).toFixed(1).padStart(8)}  ${text}`);
  const cluster = new LabCluster();
  const result: ChaosResult = { passed: 0, failed: 0, writes: 0 };
  cluster.open(await createLab(hosts));
  try {
    await cluster.lab.startCluster();
    tell('the cluster is up');
    const storm = new Storm(cluster, seed, tell);
    for (let round = 1; round <= rounds; round += 1) {
      const wrong = await storm.round(round, roundMs);
      if (wrong.length === 0) result.passed += 1;
      else result.failed += 1;
      tell(`round ${round}: ${wrong.length === 0 ? 'passed' : `failed: ${wrong.join('; ')}`}`);
    }
    result.writes = storm.book.acknowledged;
    if (result.failed > 0) cluster.showLogs();
  } finally {
    await cluster.close();
  }
  say(`${result.writes} writes acknowledged`);
  say(`${result.passed} passed, ${result.failed} failed`);
  return result;
}

class Storm {
  readonly book = new Book();
  readonly #cluster: LabCluster;
  readonly #seed: number;
  readonly #tell: (text: string) => void;
  readonly #errorsTold = new Set<string>();
  #values = 0;

  constructor(cluster: LabCluster, seed: number, tell: (text: string) => void) {
    this.#cluster = cluster;
    this.#seed = seed;
    this.#tell = tell;
  }

  /** @returns what is wrong after it */
  async round(round: number, roundMs: number): Promise<string[]> {
    const { lab } = this.#cluster;
    const plan = planHurts(seededRandom(this.#seed * 10_007 + round), lab.hosts.length, roundMs);
    const before = await this.#cluster.running();
    const over = new AbortController();
    const writing = Array.from({ length: WRITERS }, async (_, index) => {
      const random = seededRandom(this.#seed * 10_007 + round * 101 + index);
      await new Writer({ lab, book: this.book, random, newValue: () => `w${(this.#values += 1)}` }).writeUntil(over.signal);
    });
    try {
      await Promise.all([pause(roundMs), ...plan.map(async (hurt) => this.#hurt(round, hurt))]);
    } finally {
      over.abort();
      await Promise.all(writing);
    }
    await recover(lab);
    this.#tell(`round ${round}: the hurts have stopped`);
    const wrong = await check(this.#cluster, this.book, this.#errorsTold);
    const hurt = new Set(
      plan.filter(({ what }) => endsContainers(what)).flatMap(({ what }) => ('host' in what ? [lab.host(what.host).node] : [])),
    );
    return [...wrong, ...restartsAmong(before, await this.#cluster.running(), hurt)];
  }

  async #hurt(round: number, hurt: PlannedHurt): Promise<void> {
    await pause(hurt.atMs);
    this.#tell(`round ${round}: ${hurtText(hurt)}`);
    await begin(this.#cluster.lab, hurt.what);
    await pause(hurt.forMs);
    await end(this.#cluster.lab, hurt.what).catch((error: unknown) =>
      this.#tell(`round ${round}: ${hurtText(hurt)} did not end: ${(error as Error).message}`),
    );
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
