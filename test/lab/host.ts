import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ApiClient } from '../../cli/client.ts';
import type { PeersAnswer, TokenAnswer } from '../../protocol/answers.ts';
import { Cell, readRecord } from '../support/cell/cell.ts';
import { isAlive, signal, type ProcessId } from '../support/cell/processes.ts';
import { ENGINE_SET_UP } from '../support/cell/set-up.ts';
import { waitFor } from '../support/wait.ts';
import { MovableClock } from './clock.ts';
import { HostDisk } from './disk.ts';
import { HostEngine } from './engine.ts';
import { LAB_IMAGES } from './supplies.ts';
import { farAddress, hostAddress, type SwitchedNetwork } from './network.ts';
import type { LabHost, StartOptions } from './types.ts';

const ANSWER_TIMEOUT_MS = 60_000;
const LOG_TAIL_CHARS = 4_000;

/**
 * Arguments: the host's folder, its name, the image of its disk, where that is mounted, and the lab's hosts file. Forwarding is on before the engine starts, which would
 * otherwise close it for all but its own. There is no route to anywhere but the lab.
 */
const SET_UP = `folder=$1 name=$2 disk=$3 data=$4 hosts=$5
hostname "$name"
${ENGINE_SET_UP}
mount --bind "$hosts" /etc/hosts
mount -o loop "$disk" "$data"
echo 1 > /proc/sys/net/ipv4/ip_forward
`;

/** What the hosts of one lab have in common. */
export interface HostSurroundings {
  network: SwitchedNetwork;
  /** Bound to /etc/hosts. */
  hostsFile: string;
  /** On the other side of the router. */
  isFar: boolean;
  /** Folder with kithd.js and kith.js. */
  dist: string;
  /** Arguments of kithd beside those that say whose it is. */
  daemonWords: readonly string[];
  movableClocks: boolean;
}

/** One host of a lab. What is known of it is in its folder, so that the shell can go on with what a test has begun. */
export class NamespacedHost implements LabHost {
  readonly number: number;
  readonly node: string;
  readonly address: string;
  readonly folder: string;
  readonly client: ApiClient;
  readonly engine: HostEngine;

  readonly #around: HostSurroundings;
  readonly #cell: Cell;
  readonly #disk: HostDisk;
  readonly #clock: MovableClock;

  constructor(number: number, folder: string, groupPath: string, around: HostSurroundings) {
    this.number = number;
    this.node = `host-${number}`;
    this.address = around.isFar ? farAddress(number) : hostAddress(number);
    this.folder = folder;
    this.#around = around;
    this.#cell = new Cell(folder, groupPath);
    this.#disk = new HostDisk(this.#cell, path.join(folder, 'disk.img'), path.join(folder, 'disk'));
    this.#clock = new MovableClock(path.join(folder, 'clock'));
    this.engine = new HostEngine(this.#cell);
    this.client = new ApiClient({ type: 'socket', path: this.kithSocket }, () => undefined);
  }

  get dataDir(): string {
    return path.join(this.#disk.mount, 'data');
  }
  get manifests(): string {
    return path.join(this.folder, 'manifests');
  }
  get daemonLog(): string {
    return path.join(this.folder, 'kithd.log');
  }
  get kithSocket(): string {
    return path.join(this.folder, 'kith.sock');
  }
  get engineSocket(): string {
    return this.engine.socketPath;
  }
  get isOn(): boolean {
    return this.#cell.init !== undefined;
  }
  get daemonRuns(): boolean {
    return this.#daemon() !== undefined;
  }
  get engineRuns(): boolean {
    return this.engine.process !== undefined;
  }
  get isFrozen(): boolean {
    return this.#cell.group.isFrozen;
  }

  async start(options: StartOptions = {}): Promise<void> {
    const { network, hostsFile } = this.#around;
    await mkdir(this.manifests, { recursive: true });
    await this.#disk.create();
    const words = [this.folder, this.node, this.#disk.image, this.#disk.mount, hostsFile];
    await this.#cell.start({ setUp: SET_UP, words });
    await network.connect(this.number, this.#cell.init?.pid ?? 0, this.#around.isFar);
    await this.#cell.inNetwork(['ip', 'address', 'add', `${this.address}/24`, 'dev', 'eth0']);
    await this.#cell.inNetwork(['ip', 'link', 'set', 'eth0', 'up']);
    const [there, router] = this.#around.isFar ? ['10.77.0.0/24', '10.78.0.254'] : ['10.78.0.0/24', '10.77.0.254'];
    await this.#cell.inNetwork(['ip', 'route', 'add', there, 'via', router]);
    await this.engine.start(options.wait);
    await this.#pullImages();
    if (options.daemon !== false) await this.startDaemon(options);
  }

  /** Once: a host that starts again has them on its disk. */
  async #pullImages(): Promise<void> {
    const present = (await this.engine.docker('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n');
    await Promise.all(
      LAB_IMAGES.filter((image) => !present.includes(image)).map(async (image) => this.engine.docker('pull', '--quiet', image)),
    );
  }

  async kill(): Promise<void> {
    // First the cable: a kernel that goes on would tell the others that the connections are closed.
    await this.#around.network.disconnect(this.number);
    await this.#cell.kill();
    for (const socket of [this.kithSocket, this.engineSocket]) rmSync(socket, { force: true });
  }

  async wipe(): Promise<void> {
    if (this.isOn) throw new Error(`${this.node} is on: switch it off before its disk is taken out`);
    await this.#disk.remove();
  }

  async startDaemon(options: StartOptions = {}): Promise<void> {
    if (this.daemonRuns) return;
    const { joinToken, wait } = options;
    const logged = existsSync(this.daemonLog) ? readFileSync(this.daemonLog, 'utf8').length : 0;
    const clock = this.#around.movableClocks ? await this.#clock.prefix() : [];
    const id = await this.#cell.spawn(this.daemonLog, [...clock, ...this.#daemonWords(joinToken)]);
    await writeFile(this.#record, JSON.stringify(id));
    await waitFor(
      `${this.node} answers`,
      async () => {
        if (!isAlive(id))
          throw new Error(`kithd on ${this.node} ended: ${readFileSync(this.daemonLog, 'utf8').slice(logged).slice(-LOG_TAIL_CHARS)}`);
        return existsSync(this.kithSocket) && (await this.#answers());
      },
      { timeoutMs: ANSWER_TIMEOUT_MS, everyMs: 25, ...wait },
    );
  }

  #daemonWords(joinToken: string | undefined): string[] {
    return [
      ...[process.execPath, '--max-semi-space-size=2', '--v8-pool-size=1', path.join(this.#around.dist, 'kithd.js')],
      ...['--data-dir', this.dataDir, '--node-name', this.node, '--socket', this.kithSocket, '--manifests', this.manifests],
      ...['--runtime', 'docker', '--docker-host', `unix://${this.engineSocket}`],
      ...(joinToken === undefined ? [] : ['--join', joinToken]),
      ...this.#around.daemonWords,
    ];
  }

  async killDaemon(name: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const id = this.#daemon();
    if (id === undefined) return;
    signal(id, name);
    if (name === 'SIGTERM') signal(id, 'SIGCONT');
    await this.#cell.ended(id);
  }

  async stopEngine(name: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    await this.engine.stop(name);
  }

  async startEngine(): Promise<void> {
    await this.engine.start();
  }

  async freeze(): Promise<void> {
    await this.#cell.group.freeze(true);
  }

  async thaw(): Promise<void> {
    await this.#cell.group.freeze(false);
  }

  async freezeDaemon(): Promise<void> {
    signal(this.#runningDaemon(), 'SIGSTOP');
  }

  async thawDaemon(): Promise<void> {
    signal(this.#runningDaemon(), 'SIGCONT');
  }

  async fillDisk(leaveBytes = 0): Promise<void> {
    await this.#disk.fill(leaveBytes);
  }

  async freeDisk(): Promise<void> {
    await this.#disk.free();
  }

  async moveClock(byMs: number): Promise<void> {
    if (!this.#around.movableClocks) throw new Error("the clocks of this lab are the machine's: make it with movableClocks");
    await this.#clock.move(byMs);
  }

  async starve(cpus: number | undefined): Promise<void> {
    await this.#cell.group.limitCpu(cpus);
  }

  async burn(processes: number): Promise<void> {
    const burning = this.#burning();
    for (let count = 0; count < processes; count += 1)
      burning.push(await this.#cell.spawn('/dev/null', ['/bin/sh', '-c', 'while :; do :; done']));
    await writeFile(this.#burnFile, JSON.stringify(burning));
  }

  /** Undoes what was done to this host itself; its links are the network's. */
  async heal(): Promise<void> {
    if (this.#around.movableClocks) await this.#clock.move(0);
    if (!this.isOn) return;
    await this.thaw();
    const daemon = this.#daemon();
    if (daemon !== undefined) signal(daemon, 'SIGCONT');
    await this.starve(undefined);
    await this.freeDisk();
    for (const id of this.#burning()) signal(id, 'SIGKILL');
    rmSync(this.#burnFile, { force: true });
  }

  async exec(...words: [string, ...string[]]): Promise<string> {
    this.#checkAwake();
    return this.#cell.exec(words);
  }

  commandLine(...words: readonly string[]): [string, ...string[]] {
    this.#checkAwake();
    return this.#cell.enter(words);
  }

  async kith(...words: string[]): Promise<string> {
    return this.exec(...this.#kithWords(words));
  }

  kithCommandLine(...words: readonly string[]): [string, ...string[]] {
    return this.commandLine(...this.#kithWords(words));
  }

  #kithWords(words: readonly string[]): [string, ...string[]] {
    return ['env', `KITH_SOCKET=${this.kithSocket}`, process.execPath, path.join(this.#around.dist, 'kith.js'), ...words];
  }

  #checkAwake(): void {
    if (this.isFrozen) throw new Error(`${this.node} is frozen: nothing runs there`);
  }

  async token(): Promise<string> {
    const response = await this.client.call({ method: 'POST', path: '/kith.dev/v1/tokens', body: {} });
    return (response.body as TokenAnswer).token;
  }

  async peers(): Promise<PeersAnswer> {
    return this.client.get<PeersAnswer>('/kith.dev/v1/peers');
  }

  get #burnFile(): string {
    return path.join(this.folder, 'burning.json');
  }

  #burning(): ProcessId[] {
    return existsSync(this.#burnFile) ? (JSON.parse(readFileSync(this.#burnFile, 'utf8')) as ProcessId[]) : [];
  }

  get #record(): string {
    return path.join(this.folder, 'kithd.json');
  }

  #daemon(): ProcessId | undefined {
    const id = readRecord(this.#record);
    return id !== undefined && isAlive(id) ? id : undefined;
  }

  #runningDaemon(): ProcessId {
    const id = this.#daemon();
    if (id === undefined) throw new Error(`no kithd runs on ${this.node}`);
    return id;
  }

  async #answers(): Promise<boolean> {
    for await (const chunk of this.client.stream({ path: '/readyz', signal: AbortSignal.timeout(1_000) }))
      if (chunk.length > 0) return true;
    return false;
  }
}
