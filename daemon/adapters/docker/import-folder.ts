import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { KithError } from '../../../protocol/errors.ts';
import { isExecutable } from '../process/files.ts';
import { imageFiles, readImageFolder, substitute } from '../process/image-folder.ts';
import type { ImageFolder } from '../process/image-folder.ts';
import { CHANGE_TIMEOUT_MS, EngineRefusal, forceRemove, READ_TIMEOUT_MS } from './client.ts';
import type { EngineClient } from './client.ts';
import { importImage, inspectImage, splitReference } from './images.ts';
import { importPrefix, MADE_LABEL } from './names.ts';
import type { Owner } from './names.ts';
import { tarFile, tarFolder, writeTar } from './tar.ts';
import type { TarEntry } from './tar.ts';

/** Programs of the host that go into the base besides Node.js, where it has them. */
const TOOLS = ['sh', 'cat', 'sleep', 'ls', 'echo', 'date', 'env', 'hostname', 'mkdir', 'rm', 'true', 'false'];
const TOOL_FOLDERS = ['/bin', '/usr/bin'];
/** Where `$(IMAGE)` and `$(NODE)` are inside. */
const PLACES = { image: '/image', node: '/usr/local/bin/node' };
const BASE_REPOSITORY = 'kith.dev/host-base';
const LDD_TIMEOUT_MS = 10_000;

/**
 * Images of image folders, made on the spot. The base, one layer with the host's Node.js, a few of its programs and the libraries that they load, is made once;
 * each image is a container of it, never started, with the folder's files copied in, committed. That way needs no builder and works with every image store.
 */
export class FolderImporter {
  readonly #client: EngineClient;
  readonly #prefix: string;
  readonly #inUse = new Set<string>();
  #swept: Promise<void> | undefined;

  constructor(client: EngineClient, owner: Owner) {
    this.#client = client;
    this.#prefix = importPrefix(owner);
  }

  /** Removes what an earlier run left when it was killed in the middle of an image. Once; anew where the engine went away meanwhile. */
  async sweep(): Promise<void> {
    this.#swept ??= this.#sweepOnce().catch((error: unknown) => {
      this.#swept = undefined;
      throw error;
    });
    return this.#swept;
  }

  async #sweepOnce(): Promise<void> {
    const query = { all: true, filters: JSON.stringify({ name: [this.#prefix] }) };
    const call = { method: 'GET', path: '/containers/json', query, timeoutMs: READ_TIMEOUT_MS } as const;
    for (const { Id, Names } of await this.#client.call<{ Id: string; Names: string[] }[]>(call)) {
      const isLeft = Names.some((name) => name.startsWith(`/${this.#prefix}`) && !this.#inUse.has(name.slice(1)));
      if (isLeft) await forceRemove(this.#client, Id);
    }
  }

  async importFolder(imagesDirectory: string, folder: string, signal?: AbortSignal): Promise<string> {
    const image = await readImageFolder(imagesDirectory, folder);
    const base = await this.#ensureBase(signal);
    // No label that says whose a container is: the image would hand it on to whatever anybody runs from it. Its name does.
    const name = `${this.#prefix}${randomBytes(8).toString('hex')}`;
    this.#inUse.add(name);
    try {
      return await this.#makeImage(image, { base, name }, signal);
    } finally {
      this.#inUse.delete(name);
    }
  }

  async #makeImage(image: ImageFolder, { base, name }: { base: string; name: string }, signal: AbortSignal | undefined): Promise<string> {
    const body = { Image: base, Cmd: ['/never-started'] };
    const call = { method: 'POST', timeoutMs: CHANGE_TIMEOUT_MS, signal } as const;
    const { Id: id } = await this.#client.call<{ Id: string }>({ ...call, path: '/containers/create', query: { name }, body });
    try {
      const upload = Readable.from(writeTar(await folderEntries(image)));
      await this.#client.call({ ...call, method: 'PUT', path: `/containers/${id}/archive`, query: { path: '/' }, upload });
      const { name: repo, tag } = splitReference(image.name);
      await this.#client.call({ ...call, path: '/commit', query: { container: id, repo, tag, changes: imageChanges(image) } });
    } finally {
      const remove = {
        method: 'DELETE',
        path: `/containers/${id}`,
        query: { force: true, v: true },
        timeoutMs: CHANGE_TIMEOUT_MS,
      } as const;
      await this.#client.call(remove).catch((error: unknown) => {
        if (!(error instanceof EngineRefusal)) throw error;
      });
    }
    return image.name;
  }

  async #ensureBase(signal?: AbortSignal): Promise<string> {
    const files = await hostFiles();
    const tag = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 12);
    const base = `${BASE_REPOSITORY}:${tag}`;
    if ((await inspectImage(this.#client, base, signal)) !== undefined) return base;
    const changes = [MADE_LABEL, 'ENV PATH=/usr/local/bin:/usr/bin:/bin'];
    await importImage(this.#client, { repository: BASE_REPOSITORY, tag, changes }, Readable.from(writeTar(baseEntries(files))), signal);
    return base;
  }
}

function imageChanges(image: ImageFolder): string[] {
  const fill = (text: string): string => substitute(text, PLACES);
  // In an instruction `$` would begin a variable.
  const quote = (text: string): string => JSON.stringify(text).replaceAll('$', '\\$');
  const env = Object.entries(image.env).map(([name, value]) => `ENV ${name}=${quote(fill(value))}`);
  const entrypoint = image.command.length === 0 ? [] : [`ENTRYPOINT ${JSON.stringify(image.command.map(fill))}`];
  return [...env, ...entrypoint, `CMD ${JSON.stringify(image.args.map(fill))}`, `WORKDIR ${fill(image.workingDir ?? '/')}`];
}

async function folderEntries(image: ImageFolder): Promise<TarEntry[]> {
  const root = PLACES.image.slice(1);
  const entries = [tarFolder(root)];
  for (const file of await imageFiles(image.folder)) {
    const path = join(image.folder, file);
    entries.push(tarFile(`${root}/${file}`, await readFile(path), (await stat(path)).mode & 0o777));
  }
  return entries;
}

interface HostFile {
  /** Path inside, without the leading slash. */
  path: string;
  from: string;
  size: number;
}

/** Node.js, the tools and every library that they load, at the paths where the loader looks for them. */
async function hostFiles(): Promise<HostFile[]> {
  const programs = new Map<string, string>([[PLACES.node, process.execPath]]);
  for (const tool of TOOLS) {
    for (const folder of TOOL_FOLDERS) {
      const path = join(folder, tool);
      if (!programs.has(`/bin/${tool}`) && (await isExecutable(path))) programs.set(`/bin/${tool}`, path);
    }
  }
  const inside = new Map(programs);
  for (const from of programs.values()) for (const library of await libraries(from)) inside.set(library, library);
  const files = await Promise.all(
    [...inside].map(async ([path, link]): Promise<HostFile> => {
      const from = await realpath(link);
      return { path: path.slice(1), from, size: (await stat(from)).size };
    }),
  );
  return files.sort((left, right) => (left.path < right.path ? -1 : 1));
}

/** `NAME => PATH (ADDRESS)` or, for the loader, `PATH (ADDRESS)`. A static program has none, and ldd then fails. */
async function libraries(program: string): Promise<string[]> {
  let text: string;
  try {
    text = (await promisify(execFile)('ldd', [program], { timeout: LDD_TIMEOUT_MS })).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new KithError(
        'InvalidContainer',
        'making an image from a folder needs the program "ldd" of the C library, which is not installed',
      );
    }
    return [];
  }
  return [...text.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/gm)].map((match) => match[1]!);
}

function* baseEntries(files: readonly HostFile[]): Generator<TarEntry, void, void> {
  const folders = new Set<string>();
  for (const { path } of files) {
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth += 1) folders.add(parts.slice(0, depth).join('/'));
  }
  for (const folder of [...folders].sort()) yield tarFolder(folder);
  yield tarFolder('tmp', 0o1777);
  yield tarFolder('etc');
  yield tarFile('etc/passwd', Buffer.from('root:x:0:0:root:/:/bin/sh\n'));
  for (const { path, from, size } of files) {
    yield { path, mode: 0o755, content: { type: 'file', size, bytes: createReadStream(from) as AsyncIterable<Uint8Array> } };
  }
}
