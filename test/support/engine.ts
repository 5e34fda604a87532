import { execFile, spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Docker Engine of the test's own, which nothing outside sees but through its socket. */
export interface TestEngine {
  socketPath: string;
  /** Present in the engine; holds busybox. */
  image: string;
  /** SIGKILLs dockerd. Containers live on; without live restore until it is back. */
  halt(): void;
  /** Starts dockerd again after {@link halt}. Resolves once it answers. */
  resume(): Promise<void>;
  /** Stops dockerd where it is (SIGSTOP), so that it takes connections and answers none. */
  freeze(): void;
  thaw(): void;
  /** Runs a command in the engine's namespaces, from where pods can be reached. */
  exec(program: string, ...args: string[]): Promise<string>;
  /** Ends everything the engine ran and leaves nothing. */
  stop(): Promise<void>;
}

const DOCKERD = '/usr/sbin/dockerd';
const BUSYBOX = '/bin/busybox';
const START_TIMEOUT_MS = 30_000;
export const TEST_IMAGE = 'kith.dev/test-tools:1';
const APPLETS = ['sh', 'sleep', 'cat', 'echo', 'printf', 'ls', 'id', 'head', 'dd', 'hostname', 'wget', 'tail'];

/** Why there can be no engine here; undefined when there can. */
export function engineAvailable(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  for (const program of [DOCKERD, BUSYBOX, '/usr/bin/unshare', '/usr/bin/nsenter']) {
    if (!existsSync(program)) return `needs ${program}`;
  }
  try {
    accessSync('/proc/self/ns/pid', constants.R_OK);
  } catch {
    return 'needs namespaces';
  }
  return undefined;
}

/**
 * Process 1 of the engine's namespaces. It takes commands from the test through its standard input; when that ends, because the test stopped the engine or died,
 * so does it, and the kernel kills all the rest with it: dockerd, containerd, shims, containers. Mounts go with the mount namespace.
 */
const SCRIPT = `set -e
dir=$1 parent=$2 restore=$3
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /sys/fs/cgroup
while IFS=: read -r id names path; do
  case $names in
    '') continue ;;
    name=*) options=none,$names; folder=\${names#name=} ;;
    *) options=$names; folder=$names ;;
  esac
  mkdir "/sys/fs/cgroup/$folder"
  mount -t cgroup -o "$options" cgroup "/sys/fs/cgroup/$folder"
done < /proc/self/cgroup
[ -n "$(ls /sys/fs/cgroup)" ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
echo 'nameserver 127.0.0.1' > "$dir/resolv.conf"
mount --bind "$dir/resolv.conf" "$(readlink -f /etc/resolv.conf)"
set +e
start() {
  ${DOCKERD} --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" --config-file "$dir/daemon.json" \\
    --cgroup-parent "$parent" --iptables=false --ip6tables=false $restore --shutdown-timeout 1 >> "$dir/log" 2>&1 < /dev/null &
  dockerd=$!
}
start
while read -r command; do
  case $command in
    halt) kill -s KILL "$dockerd"; wait "$dockerd" 2> /dev/null; rm -f "$dir/pid" ;;
    resume) start ;;
    freeze) kill -s STOP "$dockerd" ;;
    thaw) kill -s CONT "$dockerd" ;;
  esac
done
`;

export interface TestEngineOptions {
  /** Whether containers live on while dockerd is away (default: they do). */
  liveRestore?: boolean;
}

export async function startEngine({ liveRestore = true }: TestEngineOptions = {}): Promise<TestEngine> {
  const dir = await mkdtemp('/var/tmp/kith-engine-');
  const socketPath = join(dir, 'docker.sock');
  const parent = `/${dir.split('/').at(-1)}`;
  await writeFile(join(dir, 'daemon.json'), '{}');
  const namespaces = ['--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc'];
  const child = spawn(
    '/usr/bin/unshare',
    [...namespaces, '/bin/sh', '-c', SCRIPT, 'engine', dir, parent, `--live-restore=${liveRestore}`],
    {
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  );
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-4_000)));
  child.stdin.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const command = (line: string): void => void child.stdin.write(`${line}\n`);

  const stop = async (): Promise<void> => {
    child.stdin.end();
    child.kill('SIGKILL');
    await ended;
    await removeAll(dir);
    await removeCgroups(parent);
  };
  const answers = async (): Promise<void> => {
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      if (existsSync(socketPath) && (await docker(socketPath, 'version').catch(() => undefined)) !== undefined) return;
      if (performance.now() > deadline || child.exitCode !== null) {
        const log = await readFile(join(dir, 'log'), 'utf8').catch(() => '');
        throw new Error(`the test engine does not start: ${complaints}\n${log.slice(-4_000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  try {
    await answers();
    await loadTestImage(dir, socketPath);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    socketPath,
    image: TEST_IMAGE,
    halt: () => command('halt'),
    async resume() {
      command('resume');
      await answers();
    },
    freeze: () => command('freeze'),
    thaw: () => command('thaw'),
    async exec(program, ...args) {
      const inside = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).trim();
      return (await run('/usr/bin/nsenter', ['--target', inside, '--net', '--mount', '--', program, ...args], { timeout: 10_000 })).stdout;
    },
    stop,
  };
}

export async function docker(socketPath: string, ...args: string[]): Promise<string> {
  return (await run('docker', ['--host', `unix://${socketPath}`, ...args], { timeout: 20_000 })).stdout;
}

async function loadTestImage(dir: string, socketPath: string): Promise<void> {
  const script = `set -e; cd "$1"; mkdir -p rootfs/bin rootfs/tmp rootfs/etc; cp ${BUSYBOX} rootfs/bin/busybox
    for applet in ${APPLETS.join(' ')}; do ln -s busybox rootfs/bin/$applet; done
    tar -C rootfs -c . | docker --host "unix://$2" import --change 'CMD ["sh"]' --change 'ENV PATH=/bin' - ${TEST_IMAGE}; rm -rf rootfs`;
  await run('/bin/sh', ['-c', script, 'load', dir, socketPath], { timeout: 60_000 });
}

/** The last processes of the namespaces may take a moment to let go of their mounts. */
async function removeAll(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

async function removeCgroups(parent: string): Promise<void> {
  const hierarchies = await readdir('/sys/fs/cgroup').catch(() => []);
  for (const root of ['/sys/fs/cgroup', ...hierarchies.map((name) => join('/sys/fs/cgroup', name))]) {
    const top = root + parent;
    const inner = await readdir(top, { withFileTypes: true }).catch(() => []);
    for (const entry of inner) if (entry.isDirectory()) await rmdir(join(top, entry.name)).catch(() => undefined);
    await rmdir(top).catch(() => undefined);
  }
}
