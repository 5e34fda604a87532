import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Cell } from '../support/cell/cell.ts';
import { processId } from '../support/cell/processes.ts';
import { waitFor, type WaitOptions } from '../support/wait.ts';
import { machineLacks } from './available.ts';
import { LABS_FOLDER } from './folders.ts';
import { NamespacedHost } from './host.ts';
import { hostAddress, MAX_HOSTS, SWITCH_ADDRESS, SwitchedNetwork } from './network.ts';
import { LAB_NAME, labFolder, labGroup, projectRoot, readLab, writeLab, type LabRecord } from './record.ts';
import { REGISTRY_PORT } from './registry.ts';
import { Guard, removeAbandoned, removeLab } from './removal.ts';
import { ensureSupplies, IMAGES_FOLDER } from './supplies.ts';
import type { Lab, LabHost, LabOptions } from './types.ts';

const ALIVE_TIMEOUT_MS = 60_000;

/** Makes a lab of so many hosts, all switched off. What labs of ended processes left behind goes first. */
export async function createLab(hosts: number, options: LabOptions = {}): Promise<Lab> {
  const name = options.name ?? randomBytes(3).toString('hex');
  if (!LAB_NAME.test(name)) throw new Error(`"${name}" is no name of a lab: expected up to 24 of a-z, 0-9 and -`);
  if (machineLacks() !== undefined) spawnSync(process.execPath, [path.join(projectRoot(), '.ci', 'install.mjs')], { stdio: 'inherit' });
  const lack = machineLacks();
  if (lack !== undefined) throw new Error(lack);
  await mkdir(LABS_FOLDER, { recursive: true });
  await removeAbandoned();
  await ensureSupplies();
  await mkdir(labFolder(name)).catch(() => {
    throw new Error(`there is a lab "${name}" already: take it down first, or choose another name`);
  });
  const record: LabRecord = {
    id: randomBytes(4).toString('hex'),
    hosts: [],
    dist: options.dist ?? path.join(projectRoot(), 'dist'),
    movableClocks: options.movableClocks ?? false,
    farFrom: options.farFrom,
    owner: processId(process.pid),
  };
  await writeLab(name, record);
  const lab = new NamespacedLab(name, record, options.extraArguments);
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
  const record = readLab(name);
  if (record === undefined) throw new Error(`there is no lab "${name}"`);
  return new NamespacedLab(name, record);
}

class NamespacedLab implements Lab {
  readonly name: string;
  readonly folder: string;
  readonly hosts: NamespacedHost[];
  readonly network: SwitchedNetwork;

  readonly #switch: Cell;
  readonly #extraArguments: (host: number) => string[];
  #record: LabRecord;
  #guard: Guard | undefined;

  constructor(name: string, record: LabRecord, extraArguments: (host: number) => string[] = () => []) {
    this.name = name;
    this.folder = labFolder(name);
    this.#extraArguments = extraArguments;
    this.#record = record;
    this.#switch = new Cell(path.join(this.folder, 'switch'), `${labGroup(name, record.id)}/switch`);
    this.network = new SwitchedNetwork(this.#switch);
    this.hosts = record.hosts.map((words, index) => this.#newHost(index + 1, words));
  }

  async begin(hosts: number): Promise<void> {
    if (!existsSync(path.join(this.#record.dist, 'lab.js'))) throw new Error('the programs of the lab are not built: npm run build');
    this.#guard = new Guard(this.#record.dist, this.name);
    await writeFile(this.#hostsFile, hostNames());
    await this.network.start();
    await this.#startRegistry();
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
    const words = this.#extraArguments(number);
    const host = this.#newHost(number, words);
    await mkdir(host.folder, { recursive: true });
    this.hosts.push(host);
    await this.#write({ hosts: [...this.#record.hosts, words] });
    return host;
  }

  async startCluster(wait?: WaitOptions): Promise<void> {
    const [first, ...others] = this.hosts;
    if (first === undefined) return;
    await Promise.all(this.hosts.filter((host) => !host.isOn).map(async (host) => host.start({ daemon: false, wait })));
    await first.startDaemon({ wait });
    await Promise.all(others.map(async (host) => host.startDaemon({ joinToken: await first.token(), wait })));
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
    this.#guard?.dismiss();
    this.#guard = undefined;
  }

  async down(): Promise<void> {
    await removeLab(this.name);
    this.#guard?.dismiss();
    this.#guard = undefined;
  }

  get #hostsFile(): string {
    return path.join(this.folder, 'hosts');
  }

  #newHost(number: number, extraWords: readonly string[]): NamespacedHost {
    const { dist, movableClocks, farFrom = Infinity } = this.#record;
    return new NamespacedHost(number, path.join(this.folder, `host-${number}`), `${labGroup(this.name, this.#record.id)}/host-${number}`, {
      network: this.network,
      hostsFile: this.#hostsFile,
      dist,
      movableClocks,
      isFar: number >= farFrom,
      daemonWords: ['--images', path.join(projectRoot(), 'examples', 'images'), ...extraWords],
    });
  }

  /** In the switch: every host that is plugged in reaches it. */
  async #startRegistry(): Promise<void> {
    const log = path.join(this.#switch.folder, 'registry.log');
    const program = [process.execPath, path.join(this.#record.dist, 'lab.js'), 'registry', IMAGES_FOLDER, SWITCH_ADDRESS];
    await this.#switch.spawn(log, program);
    const url = `http://${SWITCH_ADDRESS}:${REGISTRY_PORT}/v2/`;
    await waitFor(`the registry answers (${log})`, async () => this.#switch.exec(['busybox', 'wget', '-q', '-O', '-', url]));
  }

  async #write(change: Partial<LabRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writeLab(this.name, this.#record);
  }
}

function hostNames(): string {
  const lines = ['127.0.0.1 localhost'];
  for (let number = 1; number <= MAX_HOSTS; number += 1) lines.push(`${hostAddress(number)} host-${number}`);
  return `${lines.join('\n')}\n`;
}
