import { LabCluster } from '../lab/cluster.ts';
import { createLab } from '../lab/lab.ts';
import { recover } from '../lab/recover.ts';
import { seededRandom } from '../support/virtual-clock.ts';
import { Book } from './book.ts';
import { check, restartsAmong } from './checks.ts';
import { begin, end, endsContainers, hurtText, planHurts, type PlannedHurt } from './hurts.ts';
import { changeText, planChange, Roster, type PlannedChange } from './roster.ts';
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
  const cluster = new LabCluster(async () => {
    const lab = await createLab(hosts, { movableClocks: true });
    await lab.startCluster();
    return lab;
  });
  const result: ChaosResult = { passed: 0, failed: 0, writes: 0 };
  try {
    await cluster.renew();
    tell('the cluster is up');
    const storm = new Storm(cluster, seed, tell);
    for (let round = 1; round <= rounds; round += 1) {
      const wrong = await storm.round(round, roundMs);
      if (wrong.length === 0) result.passed += 1;
      else result.failed += 1;
      tell(`round ${round}: ${wrong.length === 0 ? 'passed' : `failed: ${wrong.join('; ')}`} (${storm.book.acknowledged} writes so far)`);
      if (wrong.length > 0) cluster.showLogs();
    }
    result.writes = storm.book.acknowledged;
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
  readonly #roster: Roster;
  readonly #normal: number;
  readonly #errorsTold = new Set<string>();
  #values = 0;

  constructor(cluster: LabCluster, seed: number, tell: (text: string) => void) {
    this.#cluster = cluster;
    this.#seed = seed;
    this.#tell = tell;
    this.#roster = new Roster(cluster, seededRandom(seed));
    this.#normal = cluster.lab.hosts.length;
  }

  /** @returns what is wrong after it */
  async round(round: number, roundMs: number): Promise<string[]> {
    const { lab } = this.#cluster;
    const random = seededRandom(this.#seed * 10_007 + round);
    const change = planChange(random, this.#roster, this.#normal, roundMs);
    const plan = planHurts(random, this.#roster.members, roundMs, change === undefined ? [] : [change.host]);
    if (change !== undefined) await this.#roster.prepare(change);
    const before = await this.#cluster.running();
    const over = new AbortController();
    const writing = this.#write(round, change, over.signal);
    try {
      await Promise.all([pause(roundMs), ...plan.map(async (hurt) => this.#hurt(round, hurt)), this.#change(round, change)]);
    } finally {
      over.abort();
      await writing;
    }
    await recover(
      lab,
      lab.hosts.filter(({ number }) => this.#roster.members.includes(number)),
    );
    this.#tell(`round ${round}: the hurts have stopped`);
    const wrong = await this.#checkAll(change);
    const hurt = plan.flatMap(({ what }) => (endsContainers(what) && 'host' in what ? [what.host] : []));
    const ended = new Set([...hurt, ...(change === undefined ? [] : [change.host])].map((number) => lab.host(number).node));
    wrong.push(...restartsAmong(before, await this.#cluster.running(), ended));
    await this.#roster.retire(change);
    return wrong;
  }

  async #checkAll(change: PlannedChange | undefined): Promise<string[]> {
    const wrong: string[] = [];
    try {
      if (change !== undefined) await this.#roster.insist(change);
      wrong.push(...(await check(this.#cluster, this.#roster.hosts(), this.book, this.#errorsTold)));
      await this.#roster.check(change);
    } catch (error) {
      wrong.push((error as Error).message);
    }
    return wrong;
  }

  async #write(round: number, change: PlannedChange | undefined, over: AbortSignal): Promise<void> {
    const hosts = this.#roster.hosts();
    const leaving = change === undefined || change.do === 'join' ? undefined : this.#cluster.host(change.host);
    const newValue = (): string => `w${(this.#values += 1)}`;
    const writers = Array.from({ length: WRITERS }, (_, index) => {
      const random = seededRandom(this.#seed * 10_007 + round * 101 + index);
      return new Writer({ hosts, leaving, book: this.book, random, newValue });
    });
    await Promise.all(writers.map(async (writer) => writer.writeUntil(over)));
  }

  async #change(round: number, change: PlannedChange | undefined): Promise<void> {
    if (change === undefined) return;
    await pause(change.atMs);
    this.#tell(`round ${round}: ${changeText(change)}`);
    await this.#roster
      .attempt(change)
      .catch((error: unknown) => this.#tell(`round ${round}: ${changeText(change)}: not yet: ${(error as Error).message}`));
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
