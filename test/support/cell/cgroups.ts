import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** One mounted hierarchy of control groups: of version 1 there are several, of version 2 there is one; machines may have both. */
interface Hierarchy {
  mount: string;
  version: 1 | 2;
  /** Of version 1: `cpu`, `freezer`, … */
  controllers: readonly string[];
}

const PERIOD_US = 100_000;
/** Of a group at the root against one process beside it, which is what it would count as: a lab of hosts and engines would get as much as the one test that asks it. */
const WEIGHT = 4;
const LEAF = 'init';

/** A group of processes under one path in every hierarchy of the machine, so that all of them can be found, frozen and starved, engines' containers included. */
export class ControlGroup {
  /** From the root of each hierarchy, as in `/kith-lab-x/host-1`. */
  readonly path: string;

  constructor(groupPath: string) {
    this.path = groupPath;
  }

  async create(): Promise<void> {
    for (const hierarchy of hierarchies()) {
      const parts = this.path.split('/').filter((part) => part !== '');
      let parent = hierarchy.mount;
      for (const part of parts) {
        const folder = path.join(parent, part);
        await mkdir(folder, { recursive: true });
        await prepare(hierarchy, parent, folder);
        if (parent === hierarchy.mount) await weigh(hierarchy, folder);
        parent = folder;
      }
      if (hierarchies().length === 1 && hierarchy.version === 2) await mkdir(path.join(parent, LEAF), { recursive: true });
    }
  }

  /** One in each hierarchy. */
  folders(): string[] {
    return hierarchies()
      .map(({ mount }) => path.join(mount, this.path))
      .filter((folder) => existsSync(folder));
  }

  /** Those that a new process joins: under version 2 a group whose groups inside have controllers takes no processes itself, so there it is a leaf. */
  leaves(): string[] {
    return this.folders().map((folder) => (existsSync(path.join(folder, LEAF)) ? path.join(folder, LEAF) : folder));
  }

  /** Process numbers as the machine counts, of the group and all groups inside. */
  async processes(): Promise<Set<number>> {
    const found = new Set<number>();
    for (const folder of this.folders()) for (const pid of await processesBelow(folder)) found.add(pid);
    return found;
  }

  get isFrozen(): boolean {
    const file = this.#freezer();
    return file !== undefined && /^(1|FROZEN|FREEZING)$/.test(readQuietly(file.path));
  }

  /** Resolves when no process of it runs any more, or all do again. */
  async freeze(frozen: boolean): Promise<void> {
    const file = this.#freezer();
    if (file === undefined) throw new Error('the machine has no freezer of control groups mounted');
    if (file.version === 2) {
      await writeFile(file.path, frozen ? '1' : '0');
      const events = path.join(path.dirname(file.path), 'cgroup.events');
      await until(`${this.path} is ${frozen ? 'frozen' : 'thawed'}`, () => readQuietly(events).includes(`frozen ${frozen ? 1 : 0}`));
    } else {
      await writeFile(file.path, frozen ? 'FROZEN' : 'THAWED');
      await until(`${this.path} is ${frozen ? 'frozen' : 'thawed'}`, () => readQuietly(file.path) === (frozen ? 'FROZEN' : 'THAWED'));
    }
  }

  #freezer(): { path: string; version: 1 | 2 } | undefined {
    // Version 2 first: what it froze can be killed, which that of version 1 does only after thawing.
    for (const { mount, version, controllers } of hierarchies().sort((a, b) => b.version - a.version)) {
      const name = version === 2 ? 'cgroup.freeze' : controllers.includes('freezer') ? 'freezer.state' : undefined;
      const file = name === undefined ? undefined : path.join(mount, this.path, name);
      if (file !== undefined && existsSync(file)) return { path: file, version };
    }
    return undefined;
  }

  /** All together get so many CPUs at most; undefined is no limit. */
  async limitCpu(cpus: number | undefined): Promise<void> {
    const quotaUs = cpus === undefined ? undefined : Math.max(1_000, Math.round(cpus * PERIOD_US));
    for (const { mount, version, controllers } of hierarchies()) {
      const folder = path.join(mount, this.path);
      if (version === 1 && controllers.includes('cpu')) return writeFile(path.join(folder, 'cpu.cfs_quota_us'), String(quotaUs ?? -1));
      const max = path.join(folder, 'cpu.max');
      if (version === 2 && existsSync(max)) return writeFile(max, `${quotaUs ?? 'max'} ${PERIOD_US}`);
    }
    if (cpus !== undefined) throw new Error('the machine has no cpu controller of control groups mounted');
  }

  /** Kills what is left in it, and removes it with all groups inside. */
  async remove(): Promise<void> {
    // Version 2 kills what is frozen; version 1 does when it is thawed.
    for (const { mount, version } of hierarchies()) if (version === 1) await thawBelow(path.join(mount, this.path));
    await until(
      `the processes of ${this.path} are gone`,
      async () => {
        const left = await this.processes();
        for (const pid of left) killQuietly(pid);
        return left.size === 0;
      },
      15_000,
    );
    for (const folder of this.folders()) await removeGroups(folder);
  }
}

/** Paths of groups at the roots whose names begin so. */
export async function groupsNamed(prefix: string): Promise<string[]> {
  const found = new Set<string>();
  for (const { mount } of hierarchies()) {
    for (const entry of await readdir(mount).catch(() => [])) if (entry.startsWith(prefix)) found.add(`/${entry}`);
  }
  return [...found];
}

function hierarchies(): Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [, , , root, mount] = line.split(' ');
    const [type, , options] = (line.split(' - ')[1] ?? '').split(' ');
    if (mount === undefined || root !== '/' || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    found.push({ mount, version: type === 'cgroup' ? 1 : 2, controllers: type === 'cgroup' ? (options ?? '').split(',') : [] });
  }
  return found;
}

/** Version 1 takes no process into a cpuset without CPUs; version 2 gives the inner groups only the controllers that are passed on. */
async function prepare({ version, controllers }: Hierarchy, parent: string, folder: string): Promise<void> {
  if (version === 2) {
    for (const name of ['cpu', 'memory', 'pids', 'io', 'cpuset']) {
      await writeFile(path.join(parent, 'cgroup.subtree_control'), `+${name}`).catch(() => undefined);
    }
    return;
  }
  if (!controllers.includes('cpuset')) return;
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if ((await readFile(path.join(folder, file), 'utf8')).trim() !== '') continue;
    await writeFile(path.join(folder, file), await readFile(path.join(parent, file), 'utf8'));
  }
}

async function weigh({ version, controllers }: Hierarchy, folder: string): Promise<void> {
  if (version === 1 && controllers.includes('cpu')) await writeFile(path.join(folder, 'cpu.shares'), String(WEIGHT * 1_024));
  // Absent where this hierarchy does not have the controller.
  const weight = path.join(folder, 'cpu.weight');
  if (version === 2 && existsSync(weight)) await writeFile(weight, String(WEIGHT * 100));
}

async function processesBelow(folder: string): Promise<number[]> {
  const own = (await readFile(path.join(folder, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  const inner = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = await Promise.all(
    inner.filter((entry) => entry.isDirectory()).map((entry) => processesBelow(path.join(folder, entry.name))),
  );
  return [...own.map(Number).filter((pid) => pid > 0), ...below.flat()];
}

async function thawBelow(folder: string): Promise<void> {
  const state = path.join(folder, 'freezer.state');
  if (!existsSync(state)) return;
  await writeFile(state, 'THAWED');
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await thawBelow(path.join(folder, entry.name));
}

async function removeGroups(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (entry.isDirectory()) await removeGroups(path.join(folder, entry.name));
  }
  // A group whose last process has just ended is busy for a moment.
  await until(`${folder} is removed`, async () => (await rmdir(folder).catch(() => undefined), !existsSync(folder)));
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

async function until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
