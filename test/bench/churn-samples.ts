/** What daemons keep, over time: their memory, the folders of their stores, and the documents and graves in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import type { ApiClient } from '../../cli/client.ts';
import type { SizesAnswer } from '../../protocol/answers.ts';
import type { LabHost } from '../lab/types.ts';
import { rounded } from './args.ts';
import { engineFigures, type EngineFigures } from './churn-engine.ts';

/** A daemon, of a lab's host or of this machine. */
export interface ChurnPeer {
  node: string;
  dataDir: string;
  logFile: string;
  client: ApiClient;
  /** Of a lab's host: what its engine and its kernel hold is counted, too. */
  host?: LabHost;
}

/** Of the peer that has most of each. */
export interface ChurnSample {
  phase: string;
  atS: number;
  rssMiB: number;
  storeMiB: number;
  objects: number;
  tombstones: number;
  documentKiB: number;
  /** In all histories, and in the longest. */
  changes: number;
  longest: number;
  /** On hosts of a lab: at the ends of phases, and now and then. */
  engine?: EngineFigures;
}

/** Engines are asked with each so manieth sample. */
const EVERY = 6;

export class ChurnSampler {
  readonly samples: ChurnSample[] = [];
  phase = '';
  private readonly peers: readonly ChurnPeer[];
  private readonly began = performance.now();
  private timer: NodeJS.Timeout | undefined;
  private taken = 0;

  constructor(peers: readonly ChurnPeer[]) {
    this.peers = peers;
  }

  /** Every so many ms, one after the other, until `stop`. */
  start(everyMs: number): void {
    const again = async (): Promise<void> => {
      // A daemon that is busy is asked again later.
      await this.take(this.taken++ % EVERY === 0).catch(() => undefined);
      if (this.timer !== undefined) this.timer = setTimeout(() => void again(), everyMs);
    };
    this.timer = setTimeout(() => void again(), 0);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** @param withEngines counts what the hosts' engines and kernels hold, which takes them a moment */
  async take(withEngines = false): Promise<ChurnSample> {
    const { phase } = this;
    const all = await Promise.all(this.peers.map(sizesOf));
    const most = (pick: (sizes: Sizes) => number): number => Math.max(...all.map(pick));
    const sample = {
      phase,
      atS: Math.round((performance.now() - this.began) / 1000),
      rssMiB: rounded(
        most(({ rssMiB }) => rssMiB),
        1,
      ),
      storeMiB: rounded(most(({ storeBytes }) => storeBytes) / 1024 ** 2),
      objects: most(({ objects }) => objects),
      tombstones: most(({ tombstones }) => tombstones),
      documentKiB: Math.round(most(({ documentBytes }) => documentBytes) / 1024),
      changes: most(({ changes }) => changes),
      longest: most(({ longest }) => longest[0]?.changes ?? 0),
      ...(withEngines ? await mostOfEngines(this.peers) : {}),
    };
    this.samples.push(sample);
    return sample;
  }
}

/** Nothing where there are none. */
async function mostOfEngines(peers: readonly ChurnPeer[]): Promise<{ engine?: EngineFigures }> {
  const all = await Promise.all(peers.flatMap(({ host }) => (host === undefined ? [] : [engineFigures(host)])));
  const [first] = all;
  if (first === undefined) return {};
  const engine = { ...first };
  for (const name of Object.keys(first) as (keyof EngineFigures)[]) engine[name] = Math.max(...all.map((figures) => figures[name]));
  return { engine };
}

type Sizes = SizesAnswer & { rssMiB: number; storeBytes: number };

async function sizesOf({ dataDir, client }: ChurnPeer): Promise<Sizes> {
  const answer = await client.get<SizesAnswer>('/kith.dev/v1/sizes');
  const processes = processesOf(dataDir);
  const [first] = processes;
  if (first === undefined) throw new Error(`no kithd runs with ${dataDir}`);
  const rssMiB = processes.reduce((total, id) => total + Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${id}/status`))?.[1] ?? 0) / 1024, 0);
  // A lab's host has mounts of its own.
  return { ...answer, rssMiB, storeBytes: await folderBytes(path.join(`/proc/${first}/root`, dataDir, 'store')) };
}

/** The daemon and what it started of its own program. */
function processesOf(dataDir: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    const command = read(`/proc/${name}/cmdline`);
    return command.includes('kithd.js') && command.includes(`${dataDir}\0`);
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** Files come and go while they are counted. */
async function folderBytes(folder: string): Promise<number> {
  let total = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    total += await stat(path.join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return total;
}
