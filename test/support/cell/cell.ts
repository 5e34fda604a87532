import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { waitFor } from '../wait.ts';
import { ControlGroup } from './cgroups.ts';
import { isAlive, processId, run, signal, type ProcessId, type RunOptions } from './processes.ts';

/**
 * Joins the groups, so that the cell's view of control groups begins at its own, and makes the namespaces. docker-init, as process 1, reaps what is orphaned.
 * Arguments: the groups, `--`, the leaves, `--`, the set-up script and its arguments.
 */
const MAKE = `set -e
join() { while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs"; shift; done; }
join "$@"; while [ "$1" != -- ]; do shift; done; shift
export LEAVES=; while [ "$1" != -- ]; do LEAVES="$LEAVES $1"; shift; done; shift
exec unshare --cgroup -- /bin/sh -c 'for leaf in $LEAVES; do echo 0 > "$leaf/cgroup.procs"; done; unset LEAVES
exec unshare --net --mount --uts --ipc --pid --fork --mount-proc -- docker-init -- /bin/sh -c "$@"' make "$@"
`;

/** Arguments: the leaves, `--`, process 1, the program and its arguments. */
const ENTER = `while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done; shift
target=$1; shift
exec nsenter --target "$target" --mount --uts --ipc --net --pid --cgroup -- "$@"
`;

/** Starts a program that outlives its starter, and tells its number as the cell counts. Arguments: the log, the program and its arguments. */
const DETACH = `log=$1; shift
"$@" >> "$log" 2>&1 < /dev/null &
echo $!
`;

const READY = 'ready\n';
const START_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 15_000;

export interface CellOptions {
  setUp: string;
  /** Arguments of the script. */
  words?: readonly string[];
  /** The cell ends with this process, however that ends: the pipe between them closes. Not while it is frozen. */
  lifeline?: boolean;
}

/**
 * Namespaces of their own for network, mounts, processes, names and control groups, with what runs in them: a host or the switch of a lab. All that is known of it is in
 * its folder, so that any process of the machine can go on with a cell that another one started.
 */
export class Cell {
  readonly folder: string;
  readonly group: ControlGroup;

  constructor(folder: string, groupPath: string) {
    this.folder = folder;
    this.group = new ControlGroup(groupPath);
  }

  get #file(): string {
    return path.join(this.folder, 'cell.json');
  }

  /** Process 1, as the machine counts; undefined when the cell is not there. */
  get init(): ProcessId | undefined {
    const id = readRecord(this.#file);
    return id !== undefined && isAlive(id) ? id : undefined;
  }

  /** @param options.setUp a shell script that runs in the cell before anything else. It must end by itself. */
  async start(options: CellOptions): Promise<void> {
    const { setUp, words = [], lifeline = false } = options;
    if (this.init !== undefined) throw new Error(`${this.folder}: runs already`);
    await mkdir(this.folder, { recursive: true });
    await this.group.create();
    const script = `set -e\n${setUp}\necho ready; exec ${lifeline ? 'cat > /dev/null' : 'sleep infinity >&-'} 2>&-`;
    const groups = this.group.folders();
    const log = await open(path.join(this.folder, 'cell.log'), 'a');
    const child = spawn('/bin/sh', ['-c', MAKE, 'make', ...groups, '--', ...this.group.leaves(), '--', script, 'cell', ...words], {
      stdio: [lifeline ? 'pipe' : 'ignore', 'pipe', log.fd],
      detached: true,
    });
    await log.close();
    child.unref();
    child.stdin?.on('error', () => undefined);
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    try {
      await waitFor(
        `${this.folder} is set up`,
        () => {
          if (child.exitCode !== null || child.signalCode !== null)
            throw new Error(readFileSync(path.join(this.folder, 'cell.log'), 'utf8').slice(-2_000));
          return said.endsWith(READY);
        },
        { timeoutMs: START_TIMEOUT_MS, everyMs: 5 },
      );
      child.stdout?.destroy();
      const inside = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).trim();
      const id = processId(Number(inside));
      if (id === undefined) throw new Error(`${this.folder}: ended at once`);
      await writeFile(this.#file, JSON.stringify(id));
    } catch (error) {
      await this.group.remove();
      throw error;
    }
  }

  /** SIGKILL of process 1: the kernel ends all others of the cell with it. Resolves when none is left. */
  async kill(): Promise<void> {
    const { init } = this;
    if (init !== undefined) signal(init, 'SIGKILL');
    await this.group.remove();
    rmSync(this.#file, { force: true });
  }

  /** Runs a program in the cell to its end. */
  async exec(words: readonly string[], options?: RunOptions): Promise<string> {
    const [program, ...rest] = this.enter(words);
    return run(program, rest, { shownAs: words.join(' '), ...options });
  }

  /** In the cell's network only, seeing the machine's processes and files otherwise. */
  async inNetwork(words: readonly string[], options?: RunOptions): Promise<string> {
    return run('nsenter', ['--target', String(this.#alive().pid), '--net', '--', ...words], options);
  }

  /** The command line that runs `words` in the cell, as one of its processes. */
  enter(words: readonly string[]): [string, ...string[]] {
    return ['/bin/sh', '-c', ENTER, 'enter', ...this.group.leaves(), '--', String(this.#alive().pid), ...words];
  }

  /** Starts a program that goes on when its starter ends. Its output is appended to `log`. */
  async spawn(log: string, words: readonly string[], options?: RunOptions): Promise<ProcessId> {
    const inner = Number((await this.exec(['/bin/sh', '-c', DETACH, 'detach', log, ...words], options)).trim());
    const id = await this.#outer(inner);
    if (id === undefined) throw new Error(`${words[0]} ended at once: ${readFileSync(log, 'utf8').slice(-2_000)}`);
    return id;
  }

  async #outer(inner: number): Promise<ProcessId | undefined> {
    for (const pid of await this.group.processes()) {
      const numbers = /^NSpid:\s+(.*)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''))?.[1]?.split(/\s+/);
      // The machine's number, the cell's number, and none below: not a container's.
      if (numbers?.length === this.#depth() && numbers.at(-1) === String(inner)) return processId(pid);
    }
    return undefined;
  }

  #depth(): number {
    const numbers = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${this.#alive().pid}/status`, 'utf8'))?.[1]?.split(/\s+/);
    return numbers?.length ?? 0;
  }

  #alive(): ProcessId {
    const { init } = this;
    if (init === undefined) throw new Error(`${path.basename(this.folder)} is off`);
    return init;
  }

  /** Waits until the process is gone. */
  async ended(id: ProcessId): Promise<void> {
    await waitFor(`process ${id.pid} of ${path.basename(this.folder)} ends`, () => !isAlive(id), { timeoutMs: END_TIMEOUT_MS, everyMs: 5 });
  }
}

export function readRecord(file: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessId;
  } catch {
    return undefined;
  }
}
