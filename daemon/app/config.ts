import { homedir, hostname } from 'node:os';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { KithError } from '../../protocol/errors.ts';
import { checkDnsSubdomain } from '../../protocol/values/names.ts';
import { cpuMillis, memoryBytes } from '../../protocol/values/quantity.ts';
import { KITH_VERSION } from '../../protocol/version.ts';

/** Everything a person can set, checked. */
export interface DaemonConfig {
  dataDir: string;
  nodeName: string;
  peerListen: HostPort;
  apiListen: HostPort;
  /** Addresses other hosts reach this one at; empty means all of this machine's own. */
  advertise: string[];
  joinToken?: string;
  socketPath: string;
  manifests?: string;
  runtime: 'auto' | 'docker' | 'process';
  dockerHost?: string;
  imageFolders: string[];
  allocatable: { cpuMillis?: number; memoryBytes?: number; pods: number };
  log: { level: 'debug' | 'info' | 'warn' | 'error'; format: 'text' | 'json' };
  /** End, with all containers, when standard input closes: for demos and tests, whose peers must not outlive them. */
  lifeline: boolean;
}

export interface HostPort {
  host: string;
  port: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Linux cuts longer socket paths without a word (sun_path is 108 bytes). */
const MAX_SOCKET_PATH_BYTES = 100;
/** Kubernetes' own default. */
const DEFAULT_MAX_PODS = 110;

/**
 * Reads the command line. Prints help or usage errors itself by way of commander.
 * @throws CommanderError | KithError `InvalidConfig`, whose message names the flag.
 */
export function parseConfig(words: readonly string[], environment: Environment, uid: number): DaemonConfig {
  const command = daemonCommand();
  command.parse([...words], { from: 'user' });
  const options = command.opts<RawOptions>();
  const root = uid === 0;
  const dataHome = environment.XDG_DATA_HOME ?? path.join(environment.HOME ?? homedir(), '.local', 'share');
  const dataDir = path.resolve(options.dataDir ?? (root ? '/var/lib/kith' : path.join(dataHome, 'kith')));
  const nodeName = (options.nodeName ?? hostname()).toLowerCase();
  const [problem] = checkDnsSubdomain(nodeName);
  if (problem !== undefined) throw invalid(`--node-name ${nodeName}: ${problem}`);
  return {
    dataDir,
    nodeName,
    peerListen: options.listen,
    apiListen: options.apiListen,
    advertise: options.advertise ?? [],
    joinToken: options.join ?? environment.KITH_JOIN_TOKEN,
    socketPath: socketPath(options.socket ?? environment.KITH_SOCKET, environment, root, dataDir),
    manifests: options.manifests === undefined ? undefined : path.resolve(options.manifests),
    runtime: options.runtime,
    dockerHost: options.dockerHost ?? environment.DOCKER_HOST,
    imageFolders: (options.images ?? []).map((folder) => path.resolve(folder)),
    allocatable: options.allocatable,
    log: { level: options.logLevel, format: options.logFormat },
    lifeline: options.lifeline ?? false,
  };
}

interface RawOptions {
  dataDir?: string;
  nodeName?: string;
  listen: HostPort;
  apiListen: HostPort;
  advertise?: string[];
  join?: string;
  socket?: string;
  manifests?: string;
  runtime: DaemonConfig['runtime'];
  dockerHost?: string;
  images?: string[];
  allocatable: DaemonConfig['allocatable'];
  logLevel: DaemonConfig['log']['level'];
  logFormat: DaemonConfig['log']['format'];
  lifeline?: boolean;
}

function daemonCommand(): Command {
  return new Command('kithd')
    .description('The Kith daemon. Without --join, and without a data folder from before, it founds a new cluster.')
    .version(KITH_VERSION)
    .option('--data-dir <dir>', 'where state is kept (default: /var/lib/kith as root, else ~/.local/share/kith)')
    .option('--node-name <name>', 'name of this node (default: the hostname)')
    .option('--join <token>', 'join the cluster that `kith token` printed this for (also KITH_JOIN_TOKEN)')
    .addOption(
      new Option('--listen <host:port>', 'for other peers, TCP and UDP')
        .default({ host: '0.0.0.0', port: 7420 }, '0.0.0.0:7420')
        .argParser(hostPort),
    )
    .addOption(
      new Option('--api-listen <host:port>', 'for the API, TLS')
        .default({ host: '0.0.0.0', port: 6443 }, '0.0.0.0:6443')
        .argParser(hostPort),
    )
    .option('--advertise <address...>', "addresses other hosts reach this one at (default: all of the machine's own)")
    .option(
      '--socket <path>',
      'unix socket of the API (default: /run/kith/kith.sock as root, else below $XDG_RUNTIME_DIR; also KITH_SOCKET)',
    )
    .option('--manifests <dir>', 'folder whose manifests are applied')
    .addOption(new Option('--runtime <which>', 'what runs containers').choices(['auto', 'docker', 'process']).default('auto'))
    .option('--docker-host <url>', 'Docker Engine socket (default: DOCKER_HOST, then /var/run/docker.sock)')
    .option('--images <dir...>', 'folders with images: of the process runtime, or to be made in an engine that can not pull them')
    .addOption(
      new Option('--allocatable <amounts>', 'what pods may use, as in cpu=2,memory=4Gi,pods=50 (default: all less 10 %)')
        .default({ pods: DEFAULT_MAX_PODS })
        .argParser(amounts),
    )
    .addOption(new Option('--log-level <level>').choices(['debug', 'info', 'warn', 'error']).default('info'))
    .addOption(new Option('--log-format <format>').choices(['text', 'json']).default('text'))
    .addOption(new Option('--lifeline', 'end, with all containers, when standard input closes').hideHelp())
    .allowExcessArguments(false)
    .showHelpAfterError('(--help tells more)')
    .exitOverride()
    .addHelpText(
      'after',
      '\nExamples:\n  kithd                                  found a cluster, or go on with the one in the data folder\n  kithd --join "$(ssh host-1 kith token)"   join the cluster of host-1',
    );
}

function hostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new InvalidArgumentError('Expected HOST:PORT, as in 0.0.0.0:7420 or [::]:7420.');
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

function amounts(text: string): DaemonConfig['allocatable'] {
  const result: DaemonConfig['allocatable'] = { pods: DEFAULT_MAX_PODS };
  for (const part of text.split(',')) {
    const [name, value = ''] = part.split('=');
    try {
      if (name === 'cpu') result.cpuMillis = cpuMillis(value);
      else if (name === 'memory') result.memoryBytes = memoryBytes(value);
      else if (name === 'pods' && /^\d+$/.test(value)) result.pods = Number(value);
      else throw new Error('unknown');
    } catch {
      throw new InvalidArgumentError(`"${part}": expected cpu=QUANTITY, memory=QUANTITY or pods=COUNT.`);
    }
  }
  return result;
}

function socketPath(given: string | undefined, environment: Environment, root: boolean, dataDir: string): string {
  const fallback =
    environment.XDG_RUNTIME_DIR === undefined
      ? path.join(dataDir, 'kith.sock')
      : path.join(environment.XDG_RUNTIME_DIR, 'kith', 'kith.sock');
  const chosen = path.resolve(given ?? (root ? '/run/kith/kith.sock' : fallback));
  if (Buffer.byteLength(chosen) > MAX_SOCKET_PATH_BYTES) {
    throw invalid(
      `--socket ${chosen}: the path is longer than ${MAX_SOCKET_PATH_BYTES} bytes, which unix sockets can't have; give a shorter one`,
    );
  }
  return chosen;
}

function invalid(message: string): KithError<'InvalidConfig'> {
  return new KithError('InvalidConfig', message);
}
