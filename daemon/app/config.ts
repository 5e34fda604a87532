import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { homedir, hostname } from 'node:os';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { KithError } from '../../protocol/errors.ts';
import { decodeJoinToken } from '../../protocol/token.ts';
import { checkDnsSubdomain } from '../../protocol/values/names.ts';
import { parseSubnet, readSubnet } from '../../protocol/values/ipv4.ts';
import { cpuMillis, memoryBytes } from '../../protocol/values/quantity.ts';
import type { NetworkMode } from '../core/network/host-routes.ts';
import { KITH_VERSION } from '../../protocol/version.ts';

/** Everything a person can set, checked. */
export interface DaemonConfig {
  dataDir: string;
  /** With the key that the store is sealed with; undefined: the host's own, in the data folder. */
  keyFile?: string;
  nodeName: string;
  peerListen: HostPort;
  apiListen: HostPort;
  /** Addresses other hosts reach this one at; empty means all of this machine's own. */
  advertise: string[];
  joinToken?: string;
  socketPath: string;
  manifests?: string;
  runtime: 'auto' | 'docker' | 'process';
  /** Of which every node takes a /24; only the founder's counts. */
  podRange?: string;
  network: NetworkMode;
  /** Of which every Service takes an address; only the founder's counts. */
  serviceRange?: string;
  /** Only the founder's counts. */
  clusterDomain?: string;
  /** Where names are told; undefined: nowhere. */
  dnsListen?: HostPort;
  dockerHost?: string;
  imageFolders: string[];
  allocatable: { cpuMillis?: number; memoryBytes?: number; pods: number };
  log: { level: 'debug' | 'info' | 'warn' | 'error'; format: 'text' | 'json' };
  /** Removes what the daemon made of this host's network, and ends. */
  uninstallNetwork: boolean;
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
/** Name of the credential: `LoadCredential=kithd.key:/media/key`. Source: systemd.exec(5). */
const SYSTEMD_CREDENTIAL = 'kithd.key';
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
  requireValues(options);
  const root = uid === 0;
  const dataHome = environment.XDG_DATA_HOME || path.join(environment.HOME || homedir(), '.local', 'share');
  const dataDir = path.resolve(options.dataDir ?? (root ? '/var/lib/kith' : path.join(dataHome, 'kith')));
  const nodeName = (options.nodeName ?? hostname()).toLowerCase();
  const [problem] = checkDnsSubdomain(nodeName);
  if (problem !== undefined) throw invalid(`--node-name ${nodeName}: ${problem}`);
  return {
    dataDir,
    keyFile: keyFile(options.keyFile, environment),
    nodeName,
    peerListen: options.listen,
    apiListen: options.apiListen,
    advertise: options.advertise ?? [],
    joinToken: joinToken(options.join ?? (environment.KITH_JOIN_TOKEN || undefined)),
    socketPath: socketPath(options.socket ?? (environment.KITH_SOCKET || undefined), environment, root, dataDir),
    manifests: options.manifests === undefined ? undefined : path.resolve(options.manifests),
    runtime: options.runtime,
    podRange: options.podRange,
    network: options.network,
    serviceRange: options.serviceRange,
    clusterDomain: options.clusterDomain,
    dnsListen: options.dnsListen,
    dockerHost: dockerHost(options, environment),
    imageFolders: (options.images ?? []).map((folder) => path.resolve(folder)),
    allocatable: options.witness === true ? { ...options.allocatable, pods: 0 } : options.allocatable,
    log: { level: options.logLevel, format: options.logFormat },
    uninstallNetwork: options.uninstallNetwork ?? false,
    lifeline: options.lifeline ?? false,
  };
}

interface RawOptions {
  dataDir?: string;
  keyFile?: string;
  nodeName?: string;
  listen: HostPort;
  apiListen: HostPort;
  advertise?: string[];
  join?: string;
  socket?: string;
  manifests?: string;
  runtime: DaemonConfig['runtime'];
  podRange?: string;
  network: NetworkMode;
  serviceRange?: string;
  clusterDomain?: string;
  dnsListen?: HostPort;
  dockerHost?: string;
  images?: string[];
  allocatable: DaemonConfig['allocatable'];
  witness?: boolean;
  logLevel: DaemonConfig['log']['level'];
  logFormat: DaemonConfig['log']['format'];
  uninstallNetwork?: boolean;
  lifeline?: boolean;
}

/** How the cluster is numbered and named, and how packets get about. */
function withNetworkOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--pod-range <cidr>', 'addresses of all pods, a /24 a node: for who founds a cluster (default: 10.42.0.0/16)').argParser(
        podRange,
      ),
    )
    .addOption(
      new Option(
        '--service-range <cidr>',
        'addresses of Services: for who founds a cluster (default: 10.96.0.0/12; with the process runtime 127.96.0.0/12)',
      ).argParser(serviceRange),
    )
    .addOption(
      new Option(
        '--cluster-domain <name>',
        'under which all names of the cluster are: for who founds one (default: cluster.local)',
      ).argParser(clusterDomain),
    )
    .addOption(
      new Option(
        '--network <how>',
        'how pods reach those of other hosts: auto takes routes where hosts share a link, VXLAN where they do not',
      )
        .choices(['auto', 'routes', 'vxlan', 'none'])
        .default('auto'),
    )
    .addOption(
      new Option(
        '--dns-listen <address:port>',
        'tell names of Services and pods here, UDP and TCP, and pass on others (default: nowhere)',
      ).argParser(hostPort),
    );
}

function daemonCommand(): Command {
  return withNetworkOptions(new Command('kithd'))
    .description('The Kith daemon. Without --join, and without a data folder from before, it founds a new cluster.')
    .version(KITH_VERSION)
    .option('--data-dir <dir>', 'where state is kept (default: /var/lib/kith as root, else ~/.local/share/kith)')
    .option(
      '--key-file <path>',
      `file with the key that state on disk is sealed with, 32 bytes or more, on another medium than the data folder (default: ${SYSTEMD_CREDENTIAL} of systemd's LoadCredential=, else the host's own key in the data folder)`,
    )
    .option('--node-name <name>', 'name of this node (default: the hostname)')
    .option('--join <token>', 'join the cluster that `kith token` printed this for (also KITH_JOIN_TOKEN)')
    .addOption(
      new Option('--listen <address:port>', 'for other peers, TCP and UDP')
        .default({ host: '0.0.0.0', port: 7420 }, '0.0.0.0:7420')
        .argParser(hostPort),
    )
    .addOption(
      new Option('--api-listen <address:port>', 'for the API, TLS')
        .default({ host: '0.0.0.0', port: 6443 }, '0.0.0.0:6443')
        .argParser(hostPort),
    )
    .addOption(
      new Option('--advertise <address...>', "addresses other hosts reach this one at (default: all of the machine's own)").argParser(
        advertised,
      ),
    )
    .option(
      '--socket <path>',
      'unix socket of the API (default: /run/kith/kith.sock as root, else below $XDG_RUNTIME_DIR; also KITH_SOCKET)',
    )
    .option('--manifests <dir>', 'folder whose manifests are applied')
    .addOption(
      new Option(
        '--runtime <which>',
        'what runs containers; auto: what runs them already, else Docker where an engine answers, else processes',
      )
        .choices(['auto', 'docker', 'process'])
        .default('auto'),
    )
    .option('--docker-host <url>', 'Docker Engine socket (default: DOCKER_HOST, then /var/run/docker.sock)')
    .option('--images <dir...>', 'folders with images: of the process runtime, or to be made in an engine that can not pull them')
    .addOption(
      new Option('--allocatable <amounts>', 'what pods may use, as in cpu=2,memory=4Gi,pods=50 (default: all less 10 %)')
        .default({ pods: DEFAULT_MAX_PODS })
        .argParser(amounts),
    )
    .option('--witness', 'run no pods here: a small third host, for instance, so that of three either may be lost')
    .option('--uninstall-network', 'remove all rules, routes and devices that the daemon of this data folder made, tell them, and end')
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

/** Addresses, not names: they stand in the host's certificate and in what other peers are told. */
function hostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const given = match?.[1] ?? (match?.[2] || '0.0.0.0');
  const host = given === 'localhost' ? '127.0.0.1' : given;
  if (match === null || port > 65_535 || !isAddress(host)) {
    throw new InvalidArgumentError('Expected ADDRESS:PORT with an IP address of this host, as in 0.0.0.0:7420 or [::]:7420.');
  }
  return { host, port };
}

function advertised(text: string, before: string[] | undefined): string[] {
  if (!isAddress(text) || ANY_ADDRESS.has(text)) {
    throw new InvalidArgumentError('Expected an IP address that other hosts reach this one at, as in 192.0.2.7.');
  }
  return [...(before ?? []), text];
}

const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

function podRange(text: string): string {
  try {
    return parseSubnet(text, { shortest: 8, longest: 22, such: '10.42.0.0/16' }).text;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function serviceRange(text: string): string {
  const subnet = readSubnet(text);
  if (subnet !== undefined && subnet.prefix >= 8 && subnet.prefix <= 28) return subnet.text;
  throw new InvalidArgumentError('Expected a network such as 10.96.0.0/12, its mask from /8 to /28.');
}

function clusterDomain(text: string): string {
  const [problem] = checkDnsSubdomain(text);
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return text;
}

/** An empty word is what a shell makes of a variable that is not set; as a path it would be the folder where the daemon happens to be started. */
function requireValues(options: RawOptions): void {
  for (const [name, value] of Object.entries(options)) {
    const isEmpty = value === '' || (Array.isArray(value) && value.includes(''));
    if (isEmpty) throw invalid(`--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: its value is empty`);
  }
}

/** Read here, so that one that was cut off in copying is found before anything is done. */
function joinToken(text: string | undefined): string | undefined {
  if (text !== undefined) decodeJoinToken(text);
  return text;
}

/** @throws KithError where nothing could ever answer there */
function dockerHost({ dockerHost: given, runtime }: RawOptions, environment: Environment): string | undefined {
  const url = given ?? (environment.DOCKER_HOST || undefined);
  if (url === undefined || runtime === 'process' || isEngineUrl(url)) return url;
  const source = given === undefined ? 'DOCKER_HOST=' : '--docker-host ';
  throw invalid(
    `${source}${url}: expected unix:///PATH or tcp://HOST:PORT; engines behind ssh are not supported (--runtime process does without one)`,
  );
}

function isEngineUrl(url: string): boolean {
  if (url.startsWith('unix://')) return path.isAbsolute(url.slice('unix://'.length));
  return /^(tcp|https?):\/\/[^/]/.test(url) && URL.canParse(url.replace(/^tcp:/, 'http:'));
}

function amounts(text: string): DaemonConfig['allocatable'] {
  const result: DaemonConfig['allocatable'] = { pods: DEFAULT_MAX_PODS };
  for (const part of text.split(',')) {
    const [name, value = ''] = part.split('=');
    try {
      if (name === 'cpu') result.cpuMillis = whole(cpuMillis(value));
      else if (name === 'memory') result.memoryBytes = whole(memoryBytes(value));
      else if (name === 'pods' && /^\d+$/.test(value)) result.pods = whole(Number(value));
      else throw new Error('unknown');
    } catch {
      throw new InvalidArgumentError(`"${part}": expected cpu=QUANTITY, memory=QUANTITY or pods=COUNT.`);
    }
  }
  return result;
}

function whole(amount: number): number {
  if (!Number.isSafeInteger(amount) || amount < 0) throw new Error('out of range');
  return amount;
}

/** A person's word, or what systemd hands to the service. Where it hands a folder without our file, none is meant. */
function keyFile(given: string | undefined, { CREDENTIALS_DIRECTORY: folder }: Environment): string | undefined {
  if (given !== undefined) return path.resolve(given);
  const handed = folder === undefined || folder === '' ? undefined : path.join(folder, SYSTEMD_CREDENTIAL);
  return handed !== undefined && existsSync(handed) ? handed : undefined;
}

function socketPath(given: string | undefined, environment: Environment, root: boolean, dataDir: string): string {
  const fallback = environment.XDG_RUNTIME_DIR
    ? path.join(environment.XDG_RUNTIME_DIR, 'kith', 'kith.sock')
    : path.join(dataDir, 'kith.sock');
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
