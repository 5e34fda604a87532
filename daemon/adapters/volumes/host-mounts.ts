/**
 * Mounts on this host, for engines. A container's mounts are made in a mount namespace of its own, where an open file of ours (`/proc/PID/fd/N`) can not be mounted: it gets a
 * name first, where no container writes, as kubelet's subpath package does it. The names are in a file system of their own, so that an engine that does not see our mounts
 * (another mount namespace) finds nothing there, instead of an empty folder.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KithError } from '../../../protocol/errors.ts';
import type { Ran } from '../system/run.ts';
import type { Inside } from './inside.ts';

/** It holds names only. */
const NAMES_OPTIONS = 'size=1m,mode=0700';
const FOLDER_MODE = 0o700;

export interface HostMountsDeps {
  run: (file: string, words: readonly string[]) => Promise<Ran>;
}

export interface HostMountsOptions {
  /** Of our own: names are made below it. */
  folder: string;
  /** Whether this process may mount: it is root. */
  may: boolean;
}

export class HostMounts {
  readonly may: boolean;
  readonly #run: HostMountsDeps['run'];
  readonly #folder: string;
  #swept: Promise<void> | undefined;

  constructor(deps: HostMountsDeps, { folder, may }: HostMountsOptions) {
    this.#run = deps.run;
    this.#folder = folder;
    this.may = may;
  }

  /**
   * Names for open files, until `release`; what was mounted by them stays mounted.
   * @throws KithError `VolumeFailed`
   */
  async name(files: readonly Inside[]): Promise<{ paths: string[]; release: () => Promise<void> }> {
    if (!this.may) throw new KithError('VolumeFailed', 'kithd has to be root, on the host of its engine, to mount a part of a volume');
    await (this.#swept ??= this.#sweep());
    const names = join(this.#folder, randomBytes(8).toString('hex'));
    await mkdir(names, { recursive: true, mode: FOLDER_MODE });
    try {
      await this.#mount(['-t', 'tmpfs', '-o', NAMES_OPTIONS, 'kith', names]);
      const paths: string[] = [];
      for (const file of files) {
        const at = join(names, String(paths.length));
        if ((await stat(file.path)).isDirectory()) await mkdir(at);
        else await writeFile(at, '');
        // Not by its path again: that may lead elsewhere by now.
        await this.#mount(['--no-canonicalize', '--bind', file.path, at]);
        paths.push(at);
      }
      return { paths, release: async () => this.#forget(names) };
    } catch (error) {
      await this.#forget(names);
      throw error;
    }
  }

  /** A folder in memory that holds so many bytes at most. Nothing where we may not. @throws KithError `VolumeFailed` */
  async memory(folder: string, bytes: number): Promise<void> {
    if (this.may) await this.#mount(['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'kith', folder]);
  }

  /** Takes away what is mounted right below the folder. Not an error if it is not there. */
  async clear(folder: string): Promise<void> {
    if (!this.may) return;
    const own = await stat(folder).catch(() => undefined);
    for (const name of own === undefined ? [] : await readdir(folder)) {
      const at = join(folder, name);
      if ((await stat(at).catch(() => undefined))?.dev !== own?.dev) await this.#unmount(at);
    }
  }

  /** What an earlier run left when it was killed. Never removes what a mount leads to: a folder that is not empty stays. */
  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) await this.#forget(join(this.#folder, name));
  }

  async #forget(names: string): Promise<void> {
    const [own, above] = await Promise.all([names, dirname(names)].map(async (folder) => stat(folder).catch(() => undefined)));
    if (own !== undefined && own.dev !== above?.dev) await this.#unmount(names);
    await rmdir(names).catch(() => undefined);
  }

  async #mount(words: readonly string[]): Promise<void> {
    const { code, stderr } = await this.#call('mount', words);
    if (code !== 0) throw new KithError('VolumeFailed', `mount ${words.join(' ')}: ${stderr}`);
  }

  /** With all below it, and whoever still uses it. */
  async #unmount(at: string): Promise<void> {
    await this.#call('umount', ['--lazy', at]);
  }

  async #call(program: string, words: readonly string[]): Promise<Ran> {
    return this.#run(program, words).catch((error: Error) => ({ code: -1, stdout: '', stderr: error.message }));
  }
}
