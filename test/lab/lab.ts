import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor, type WaitOptions } from '../support/wait.ts';
import { labAvailable } from './available.ts';
import { Cell } from './cell.ts';
import { ControlGroup, groupsNamed } from './cgroups.ts';
import { NamespacedHost } from './host.ts';
import { hostAddress, MAX_HOSTS, SwitchedNetwork } from './network.ts';
import { isAlive, processId, type ProcessId } from './processes.ts';
import type { Lab, LabHost, LabOptions } from './types.ts';

export const LABS_FOLDER = '/var/tmp/kith-lab';
const GROUP_PREFIX = 'kith-lab-';
const ALIVE_TIMEOUT_MS = 60_000;
/** Longer names make paths of sockets that the kernel does not take. */
const NAME = /^[a-z0-9][a-z0-9-]{0,23}$/;
/** A folder without a record is being made; or its maker died in the middle. */
const UNRECORDED_MS = 60_000;

/** Kept in the lab's folder, so that another process can go on with it. */
interface LabRecord {
  hosts: number;
  dist: string;
  /** The lab ends with this process. Undefined for one that stays. */
  owner?: ProcessId;
}

/** Makes a lab of so many hosts, all switched off. What labs of ended processes left behind goes first. */
export async function createLab(hosts: number, options: LabOptions = {}): Promise<Lab> {
  const problem = labAvailable();
  if (problem !== undefined) throw new Error(problem);
  const name = options.name ?? randomBytes(3).toString('hex');
  if (!NAME.test(name)) throw new Error(`"${name}" is no name of a lab: expected up to 24 of a-z, 0-9 and -`);
  await removeAbandoned();
  const folder = path.join(LABS_FOLDER, name);
  await mkdir(LABS_FOLDER, { recursive: true });
  await mkdir(folder).catch(() => {
    throw new Error(`there is a lab "${name}" already: take it down first, or choose another name`);
  });
  const record: LabRecord = { hosts: 0, dist: options.dist ?? path.join(projectRoot(), 'dist'), owner: processId(process.pid) };
  await writeRecord(folder, record);
  const lab = new NamespacedLab(name, record, options);
  try {
    await lab.begin(hosts);
  } catch (error) {
    await lab.down();
    throw error;
  }
  return lab;
}

/** The lab of this name, which this or another process made. */
export function openLab(name: string): Lab {
  const record = readRecordOf(path.join(LABS_FOLDER, name));
  if (record === undefined) throw new Error(`there is no lab "${name}"`);
  return new NamespacedLab(name, record, {});
}

export async function labNames(): Promise<string[]> {
  const names = await readdir(LABS_FOLDER).catch(() => []);
  return names.filter((name) => readRecordOf(path.join(LABS_FOLDER, name)) !== undefined);
}

/** Ends everything that bears the lab's name, and removes its folder; whatever is left of it, which may be nothing. */
export async function removeLab(name: string): Promise<void> {
  const top = `/${GROUP_PREFIX}${name}`;
  if ((await groupsNamed(`${GROUP_PREFIX}${name}`)).includes(top)) await new ControlGroup(top).remove();
  const folder = path.join(LABS_FOLDER, name);
  await rm(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  await rmdir(LABS_FOLDER).catch(() => undefined);
}

/** Labs whose owner has ended without a word, and whose guard, too. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(LABS_FOLDER).catch(() => [])) {
    const folder = path.join(LABS_FOLDER, name);
    if (!NAME.test(name) || name === 'images') continue;
    const record = readRecordOf(folder);
    const age = Date.now() - ((await stat(folder).catch(() => undefined))?.mtimeMs ?? Date.now());
    const isAbandoned = record === undefined ? age > UNRECORDED_MS : record.owner !== undefined && !isAlive(record.owner);
    if (isAbandoned) await removeLab(name);
  }
}

class NamespacedLab implements Lab {
  readonly name: string;
  readonly folder: string;
  readonly hosts: NamespacedHost[] = [];
  readonly network: SwitchedNetwork;

  readonly #switch: Cell;
  readonly #options: LabOptions;
  #record: LabRecord;
  #guard: ChildProcess | undefined;

  constructor(name: string, record: LabRecord, options: LabOptions) {
    this.name = name;
    this.folder = path.join(LABS_FOLDER, name);
    this.#options = options;
    this.#record = record;
    this.#switch = new Cell(path.join(this.folder, 'switch'), `/${GROUP_PREFIX}${name}/switch`);
    this.network = new SwitchedNetwork(this.#switch);
    for (let number = 1; number <= record.hosts; number += 1) this.hosts.push(this.#newHost(number));
  }

  async begin(hosts: number): Promise<void> {
    this.#startGuard();
    await mkdir(this.#switch.folder, { recursive: true });
    await writeFile(this.#hostsFile, hostNames());
    await this.network.start();
    for (let count = 0; count < hosts; count += 1) await this.addHost();
  }

  host(number: number): NamespacedHost {
    const found = this.hosts[number - 1];
    if (found === undefined) throw new Error(`the lab "${this.name}" has no host ${number}, it has ${this.hosts.length}`);
    return found;
  }

  async addHost(): Promise<LabHost> {
    const number = this.hosts.length + 1;
    if (number > MAX_HOSTS) throw new Error(`a lab has ${MAX_HOSTS} hosts at most`);
    const host = this.#newHost(number);
    await mkdir(host.folder, { recursive: true });
    this.hosts.push(host);
    await this.#write({ hosts: number });
    return host;
  }

  async startCluster(wait?: WaitOptions): Promise<void> {
    const [first, ...others] = this.hosts;
    if (first === undefined) return;
    await Promise.all(this.hosts.map(async (host) => (host.isOn ? undefined : host.start({ daemon: false, wait }))));
    await first.startDaemon({ wait });
    for (const host of others) await host.startDaemon({ joinToken: await first.token(), wait });
    await this.waitAllAlive(undefined, wait);
  }

  async waitAllAlive(hosts?: readonly LabHost[], wait?: WaitOptions): Promise<void> {
    const asked = hosts ?? this.hosts.filter((host) => host.isOn);
    await waitFor(
      `${asked.map((host) => host.node).join(', ')} see each other alive`,
      async () => {
        const views = await Promise.all(asked.map((host) => host.peers()));
        const leaders = new Set(views.map((view) => view.leader.peer));
        const all = views.every(
          (view) => view.complete && asked.every(({ node }) => view.peers.some((row) => row.node === node && row.state === 'alive')),
        );
        return all && leaders.size === 1 && !leaders.has('');
      },
      { timeoutMs: ALIVE_TIMEOUT_MS, everyMs: 50, ...wait },
    );
  }

  async heal(): Promise<void> {
    await this.network.heal();
    await Promise.all(this.hosts.map((host) => host.heal()));
  }

  async exec(program: string, ...words: string[]): Promise<string> {
    return this.#switch.exec([program, ...words]);
  }

  async keep(): Promise<void> {
    await this.#write({ owner: undefined });
    this.#guard?.stdin?.end('keep\n');
    this.#guard = undefined;
  }

  async down(): Promise<void> {
    await removeLab(this.name);
    this.#guard?.stdin?.end();
    this.#guard = undefined;
  }

  get #hostsFile(): string {
    return path.join(this.folder, 'hosts');
  }

  #newHost(number: number): NamespacedHost {
    const root = projectRoot();
    return new NamespacedHost(number, path.join(this.folder, `host-${number}`), `/${GROUP_PREFIX}${this.name}/host-${number}`, {
      network: this.network,
      hostsFile: this.#hostsFile,
      dist: this.#record.dist,
      imageFolders: [path.join(root, 'examples', 'images')],
      extraArguments: this.#options.extraArguments ?? (() => []),
    });
  }

  /** A process that takes the lab down when ours ends, in whatever way: the pipe between them closes then. */
  #startGuard(): void {
    const guard = spawn(process.execPath, [path.join(this.#record.dist, 'lab.js'), 'guard', this.name], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    guard.stdin.on('error', () => undefined);
    guard.unref();
    this.#guard = guard;
  }

  async #write(change: Partial<LabRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writeRecord(this.folder, this.#record);
  }
}

function hostNames(): string {
  const lines = ['127.0.0.1 localhost'];
  for (let number = 1; number <= MAX_HOSTS; number += 1) lines.push(`${hostAddress(number)} host-${number}`);
  return `${lines.join('\n')}\n`;
}

function readRecordOf(folder: string): LabRecord | undefined {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'lab.json'), 'utf8')) as LabRecord;
  } catch {
    return undefined;
  }
}

async function writeRecord(folder: string, record: LabRecord): Promise<void> {
  const file = path.join(folder, 'lab.json');
  await writeFile(`${file}.next`, JSON.stringify(record));
  await rename(`${file}.next`, file);
}

/** Where package.json is: above the sources, and above the bundles in dist/. */
function projectRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) {
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error('the lab does not find its own package.json');
    folder = parent;
  }
  return folder;
}
