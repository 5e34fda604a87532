import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { CliError, EXIT_NO_DAEMON, EXIT_USAGE } from './errors.ts';
import { readSmallText } from './reading.ts';

/** Where the daemon is and what to show it, and the namespace of the kubeconfig's context. */
export type Endpoint =
  | { type: 'socket'; path: string; namespace?: string }
  | {
      type: 'https';
      server: string;
      ca?: string;
      certificate?: string;
      key?: string;
      token?: string;
      insecure?: boolean;
      namespace?: string;
    };

export interface ConnectionOptions {
  server?: string;
  kubeconfig?: string;
  context?: string;
  socket?: string;
  token?: string;
  certificateAuthority?: string;
  insecureSkipTlsVerify?: boolean;
}

/** Of `sun_path`, less its end. */
const MAX_SOCKET_BYTES = 107;

type Environment = Readonly<Record<string, string | undefined>>;

/** The local socket: `/run/kith/kith.sock` as root, else below `$XDG_RUNTIME_DIR`. */
export function defaultSocket(environment: Environment, uid: number): string | undefined {
  if (uid === 0) return '/run/kith/kith.sock';
  return environment.XDG_RUNTIME_DIR === undefined ? undefined : path.join(environment.XDG_RUNTIME_DIR, 'kith', 'kith.sock');
}

/**
 * Finds the daemon: `--server` or `--kubeconfig`, `--socket`, `KITH_SOCKET`, the default socket, `KUBECONFIG`, `~/.kube/config`; `--context` goes past sockets that
 * the environment knows.
 * @throws CliError that lists what was tried.
 */
export function findEndpoint(options: ConnectionOptions, environment: Environment, uid: number): Endpoint {
  requireValues(options);
  if (options.server !== undefined) return fromServer(options.server, options);
  if (options.kubeconfig !== undefined) return fromKubeconfig(options.kubeconfig, options);
  if (options.socket !== undefined) return localSocket(options.socket, options);
  if (options.context !== undefined) return fromContext(options.context, options, environment);
  if (environment.KITH_SOCKET) return localSocket(environment.KITH_SOCKET, options);
  const tried: string[] = ['--server, --kubeconfig and --socket are not given', 'KITH_SOCKET is not set'];
  const socket = defaultSocket(environment, uid);
  if (socket !== undefined && existsSync(socket)) return localSocket(socket, options);
  tried.push(socket === undefined ? 'XDG_RUNTIME_DIR is not set, so there is no default socket' : `no socket at ${socket}`);
  for (const file of kubeconfigFiles(environment)) {
    if (existsSync(file)) return fromKubeconfig(file, options);
    tried.push(`no kubeconfig at ${file}`);
  }
  const list = tried.map((line) => `  - ${line}`).join('\n');
  throw new CliError(
    `no Kith daemon found. Tried:\n${list}\nStart one with "kithd", or name one with --socket PATH or --server https://HOST:6443`,
    EXIT_NO_DAEMON,
  );
}

/** An empty word is what a shell makes of a variable that is not set: it names no peer, and another one may not be asked instead. */
function requireValues(options: ConnectionOptions): void {
  const flags = { server: '--server', kubeconfig: '--kubeconfig', socket: '--socket', context: '--context', token: '--token' } as const;
  for (const [name, flag] of Object.entries(flags)) {
    if (options[name as keyof typeof flags] === '') throw new CliError(`${flag}: its value is empty`, EXIT_USAGE);
  }
}

/** Whoever may open the socket is an administrator there, whatever token is given: that one would seem to have all rights. */
function localSocket(file: string, { token }: ConnectionOptions): Endpoint {
  if (token !== undefined)
    throw new CliError(
      `--token means nothing at the socket ${file}: name a peer with --server https://HOST:6443 or --kubeconfig`,
      EXIT_USAGE,
    );
  return socketAt(file);
}

/** Linux knows no longer ones, and Node asks at another, shorter path then. */
function socketAt(file: string, namespace?: string): Endpoint {
  if (file === '' || Buffer.byteLength(file) > MAX_SOCKET_BYTES)
    throw new CliError(`"${file}" is no path of a socket: 1 to ${MAX_SOCKET_BYTES} bytes`, EXIT_USAGE);
  return { type: 'socket', path: file, namespace };
}

/** Who names a context means a kubeconfig, also on a host with a daemon. */
function fromContext(context: string, options: ConnectionOptions, environment: Environment): Endpoint {
  const files = kubeconfigFiles(environment);
  const there = files.filter((each) => existsSync(each));
  // KUBECONFIG may name several files; what is told of a context that none has is told of the first.
  const file = there.find((each) => contextsOf(each).includes(context)) ?? there[0];
  if (file === undefined) throw new CliError(`--context ${context}: no kubeconfig at ${files.join(', ')}`, EXIT_USAGE);
  return fromKubeconfig(file, options);
}

function contextsOf(file: string): unknown[] {
  return ([readYaml(file)?.contexts ?? []].flat() as (NamedEntry | null)[]).map((entry) => entry?.name);
}

function kubeconfigFiles(environment: Environment): string[] {
  if (environment.KUBECONFIG) return environment.KUBECONFIG.split(':').filter((file) => file !== '');
  return [path.join(environment.HOME ?? homedir(), '.kube', 'config')];
}

function fromServer(server: string, options: ConnectionOptions): Endpoint {
  if (server.startsWith('unix://')) return socketAt(server.slice('unix://'.length));
  if (!isHttps(server)) throw new CliError(`--server ${server}: expected https://HOST:PORT or unix:///PATH`, EXIT_USAGE);
  const ca = options.certificateAuthority === undefined ? undefined : readSmallText(options.certificateAuthority);
  return { type: 'https', server, ca, token: bearer(options.token), insecure: options.insecureSkipTlsVerify };
}

interface NamedEntry {
  name?: string;
  cluster?: Record<string, unknown>;
  user?: Record<string, unknown>;
  context?: { cluster?: string; user?: string; namespace?: string };
}

function fromKubeconfig(file: string, options: ConnectionOptions): Endpoint {
  const config = readYaml(file);
  const find = (list: string, name: string | undefined): NamedEntry => {
    const entries = [config?.[list] ?? []].flat() as (NamedEntry | null)[];
    const entry = entries.find((candidate) => candidate?.name === name);
    if (!entry) throw new CliError(`${file}: no entry named "${name ?? ''}" in ${list}`, EXIT_USAGE);
    return entry;
  };
  const wanted = options.context ?? (config?.['current-context'] as string | undefined);
  const context = find('contexts', wanted).context ?? {};
  const cluster = find('clusters', context.cluster).cluster ?? {};
  const user = context.user ? (find('users', context.user).user ?? {}) : {};
  const folder = path.dirname(file);
  const material = (source: Record<string, unknown>, name: string): string | undefined => {
    const inline = source[`${name}-data`];
    if (typeof inline === 'string') return Buffer.from(inline, 'base64').toString('utf8');
    const named = source[name];
    return typeof named === 'string' ? readSmallText(path.resolve(folder, named)) : undefined;
  };
  const server = typeof cluster.server === 'string' ? cluster.server : '';
  const namespace = typeof context.namespace === 'string' ? context.namespace : undefined;
  if (server.startsWith('unix://')) return socketAt(server.slice('unix://'.length), namespace);
  if (!isHttps(server))
    throw new CliError(`${file}: server "${server}" of cluster ${context.cluster}: expected https://HOST:PORT or unix:///PATH`, EXIT_USAGE);
  return {
    type: 'https',
    server,
    ca: material(cluster, 'certificate-authority'),
    certificate: material(user, 'client-certificate'),
    key: material(user, 'client-key'),
    token: bearer(options.token ?? tokenOf(user, `${file}: user "${context.user ?? ''}"`, folder)),
    insecure: options.insecureSkipTlsVerify ?? cluster['insecure-skip-tls-verify'] === true,
    namespace,
  };
}

/** Of a kubeconfig's user. What else could make one is not done here, and said so: without it every answer would be that nobody is logged in. */
function tokenOf(user: Record<string, unknown>, where: string, folder: string): string | undefined {
  const foreign = ['exec', 'auth-provider', 'username'].find((name) => user[name] !== undefined);
  if (foreign !== undefined)
    throw new CliError(
      `${where}: kith knows no "${foreign}": a certificate or a token is needed, as "kith kubeconfig" on a member prints it`,
      EXIT_USAGE,
    );
  if (typeof user.tokenFile === 'string') return readSmallText(path.resolve(folder, user.tokenFile));
  return user.token === undefined || user.token === null
    ? undefined
    : typeof user.token === 'string'
      ? user.token
      : JSON.stringify(user.token);
}

function bearer(token: string | undefined): string | undefined {
  const text = token?.trim();
  if (text !== undefined && !/^[\x21-\x7e]+$/.test(text))
    throw new CliError('the token is empty or has characters that no token has: copy it whole', EXIT_USAGE);
  return text;
}

function isHttps(server: string): boolean {
  return server.startsWith('https://') && URL.canParse(server);
}

function readYaml(file: string): Record<string, unknown> | null {
  const text = readSmallText(file);
  try {
    return parse(text) as Record<string, unknown> | null;
  } catch (error) {
    throw new CliError(`${file} is no YAML: ${(error as Error).message.split('\n')[0]}`, EXIT_USAGE);
  }
}
