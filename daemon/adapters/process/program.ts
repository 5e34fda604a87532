import { stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { KithError } from '../../../protocol/errors.ts';
import type { ContainerSecurity, ContainerStart } from '../../ports/runtime.ts';
import { rootRefusal } from '../../../protocol/values/non-root.ts';
import { isExecutable } from './files.ts';
import { mountedAt } from './mounts.ts';
import { substitute } from './image-folder.ts';
import type { ImageFolder } from './image-folder.ts';

/** Docker's default, for containers that set none. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** A POSIX shell passes on no other names: env(1) sets the others, after the shells. */
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export interface Program {
  argv: string[];
  env: Record<string, string>;
  workingDir: string;
}

export interface ProgramPlaces {
  /** Node.js binary for `$(NODE)`. */
  node: string;
  nodeName: string;
  podIp: string;
  /** `KITH_CONTAINER`'s value: every process of the container is known by it. */
  marker: string;
  /** Folder of the attempt. */
  folder: string;
}

/**
 * What the container runs, as Kubernetes combines pod and image: `command` replaces the image's command and args, `args` only its args.
 * Besides what the pod sets, the program finds POD_IP, HOSTNAME, PATH, HOME, KITH_NODE_NAME, KITH_POD_NAME and KITH_TERMINATION_LOG (its termination message
 * goes there: the path of the spec cannot exist), and KITH_ROOT if it has volumes (see `mounts.ts`).
 * @throws KithError `InvalidContainer`, `ContainerStartFailed`
 */
export async function resolveProgram(start: ContainerStart, image: ImageFolder, places: ProgramPlaces): Promise<Program> {
  refuseWhatCannotBe(start);
  const place = mountedAt(start.mounts);
  const fill = (text: string): string => substitute(text, { image: image.folder, node: places.node });
  const command = start.command?.map(place) ?? image.command.map(fill);
  const args = start.args?.map(place) ?? (start.command === undefined ? image.args.map(fill) : []);
  const [program, ...rest] = [...command, ...args];
  if (program === undefined || program === '') {
    throw new KithError(
      'InvalidContainer',
      `image ${start.image} has no command and container "${start.container}" sets none; set command in the pod`,
    );
  }
  const work = join(places.folder, 'work');
  const env: Record<string, string> = {
    PATH: DEFAULT_PATH,
    HOME: work,
    HOSTNAME: start.pod.hostname,
    ...Object.fromEntries(Object.entries(image.env).map(([name, value]) => [name, fill(value)])),
    POD_IP: places.podIp,
    KITH_NODE_NAME: places.nodeName,
    KITH_POD_NAME: start.pod.name,
    KITH_TERMINATION_LOG: join(places.folder, 'termination'),
    ...Object.fromEntries(Object.entries(start.env).map(([name, value]) => [name, place(value)])),
    ...(start.mounts.length === 0 ? {} : { KITH_ROOT: join(places.folder, 'root') }),
    KITH_CONTAINER: places.marker,
  };
  const others = Object.entries(env).filter(([name]) => !ENV_NAME.test(name));
  for (const [name] of others) delete env[name];
  const workingDir = resolve(
    work,
    (start.workingDir === undefined ? undefined : place(start.workingDir)) ?? fill(image.workingDir ?? work),
  );
  if (!(await isFolder(workingDir))) {
    throw new KithError(
      'ContainerStartFailed',
      `cannot start container "${start.container}": working directory ${workingDir} does not exist`,
    );
  }
  const path = await findProgram(program, env['PATH'] ?? '', workingDir, `start container "${start.container}"`);
  if (others.length === 0) return { argv: [path, ...rest], env, workingDir };
  // env(1) would take such a path for one more variable.
  if (path.includes('='))
    throw new KithError(
      'InvalidContainer',
      `${path}: a program whose path holds "=" can not be given the variable "${others[0]?.[0] ?? ''}" here`,
    );
  const tool = await findProgram('env', DEFAULT_PATH, workingDir, `set the variable "${others[0]?.[0] ?? ''}"`);
  return { argv: [tool, '--', ...others.map(([name, value]) => `${name}=${value}`), path, ...rest], env, workingDir };
}

function refuseWhatCannotBe(start: ContainerStart): void {
  refusePrivileges(start.security);
  const hostPort = start.ports.find((port) => port.hostPort !== undefined && port.hostPort > 0)?.hostPort;
  if (hostPort !== undefined) {
    throw new KithError(
      'InvalidContainer',
      `the process runtime has no hostPort (${hostPort}): reach the pod at its own address, or use the docker runtime`,
    );
  }
}

/** A program runs as this daemon does. What would only take something away from it is let pass: nothing keeps programs apart here. */
function refusePrivileges(security: ContainerSecurity = {}): void {
  const own = { user: process.getuid?.() ?? 0, group: process.getgid?.() ?? 0 };
  const why = rootRefusal(security, String(own.user));
  if (why !== undefined) throw new KithError('VerifyNonRootError', why);
  const refuse = (what: string): never => {
    throw new KithError('InvalidContainer', `the process runtime has no ${what}: use the docker runtime`);
  };
  if (security.privileged === true) refuse('privileged containers');
  if ((security.addCapabilities ?? []).length > 0) refuse(`capabilities (${(security.addCapabilities ?? []).join(', ')})`);
  if (security.runAsUser !== undefined && security.runAsUser !== own.user)
    refuse(`runAsUser ${security.runAsUser}, all runs as ${own.user}`);
  if (security.runAsGroup !== undefined && security.runAsGroup !== own.group)
    refuse(`runAsGroup ${security.runAsGroup}, all runs as ${own.group}`);
  if (security.sysctls !== undefined) refuse('sysctls');
}

/** Looks as execvp(3) does, so that a wrong command is told at once and in the words of the OCI runtimes. */
export async function findProgram(program: string, path: string, workingDir: string, what: string): Promise<string> {
  const candidates = program.includes('/')
    ? [isAbsolute(program) ? program : join(workingDir, program)]
    : path.split(':').map((folder) => resolve(workingDir, folder, program));
  let denied = false;
  for (const candidate of candidates) {
    const kind = await stat(candidate).catch(() => undefined);
    if (kind === undefined) continue;
    if (kind.isFile() && (await isExecutable(candidate))) return candidate;
    denied = true;
  }
  const missing = program.includes('/') ? 'no such file or directory' : 'executable file not found in $PATH';
  throw new KithError('ContainerStartFailed', `cannot ${what}: exec: "${program}": ${denied ? 'permission denied' : missing}`);
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
