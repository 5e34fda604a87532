import { isUtf8 } from 'node:buffer';
import { watch } from 'node:fs';
import type { FSWatcher, Stats } from 'node:fs';
import { lstat, readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../ports/clock.ts';
import type { FolderFile, FolderSnapshot, WatchedFolder } from '../../ports/folder.ts';
import { isManifestFolderName, isManifestName } from './names.ts';

/** Bounds of what is looked at. */
export const FOLDER_LIMITS = {
  /** A file is read once it looked the same for so long, in ms. */
  stableMs: 300,
  /** Bytes of one file; the parser's own bound. */
  fileBytes: 3 * 1024 * 1024,
  files: 1_000,
  /** Folders inside each other. */
  depth: 8,
} as const;

interface Known {
  /** Size, time of change and inode. */
  signature: string;
  /** Monotonic ms since when it is so. */
  since: number;
  file?: FolderFile;
}

/**
 * A folder on disk, with its subfolders. `fs.watch` gives hints where it works; the scan is the truth. Links to files are followed, links to folders are not.
 */
export class DiskFolder implements WatchedFolder {
  readonly name: string;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<() => void>();
  #watcher: FSWatcher | undefined;
  #watched = '';

  constructor(deps: { clock: Clock }, options: { path: string }) {
    this.#clock = deps.clock;
    this.name = path.resolve(options.path);
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  onHint(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async scan(): Promise<FolderSnapshot> {
    const found: Found = new Map();
    let identity: string;
    try {
      const root = await stat(this.name);
      if (!root.isDirectory()) return this.#absent(`${this.name} is no folder`);
      identity = `${root.dev}:${root.ino}`;
      this.#watch(identity);
      await this.#collect('', 0, found);
    } catch (error) {
      return this.#absent(explain(this.name, error));
    }
    for (const known of this.#known.keys()) if (!found.has(known)) this.#known.delete(known);
    const snapshot: FolderSnapshot = { identity, files: [], settling: [] };
    for (const [relative, stats] of [...found].sort(([left], [right]) => (left < right ? -1 : 1))) {
      const file = typeof stats === 'string' ? { path: relative, problem: stats } : await this.#look(relative, stats);
      if (file === undefined) snapshot.settling.push(relative);
      else snapshot.files.push(file);
    }
    return snapshot;
  }

  #absent(problem: string): FolderSnapshot {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watched = '';
    return { problem, identity: '', files: [], settling: [] };
  }

  async #collect(folder: string, depth: number, found: Found): Promise<void> {
    for (const name of (await readdir(path.join(this.name, folder))).sort()) {
      if (found.size >= FOLDER_LIMITS.files) return;
      const relative = folder === '' ? name : `${folder}/${name}`;
      const full = path.join(this.name, relative);
      let link: Stats | undefined;
      try {
        link = await lstat(full);
        if (link.isDirectory()) {
          if (isManifestFolderName(name) && depth < FOLDER_LIMITS.depth) await this.#collect(relative, depth + 1, found);
        } else if (isManifestName(name)) {
          const target = link.isSymbolicLink() ? await stat(full) : link;
          found.set(relative, target.isFile() ? target : 'it is no file');
        }
      } catch (error) {
        // A link that leads nowhere, in circles, or to where we may not look: it alone is in doubt.
        if (link?.isSymbolicLink()) found.set(relative, explain(full, error));
        // Gone since the folder was read; of anything else the whole scan is in doubt.
        else if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }

  /** Undefined while it may still be being written. */
  async #look(relative: string, stats: Stats): Promise<FolderFile | undefined> {
    const signature = signatureOf(stats);
    const now = this.#clock.monotonic();
    const known = this.#known.get(relative);
    if (known?.signature !== signature) {
      this.#known.set(relative, { signature, since: now });
      // What was there long before the daemon need not be watched first.
      if (known !== undefined || this.#clock.now() - stats.mtimeMs < FOLDER_LIMITS.stableMs) return undefined;
    } else if (known.file !== undefined) return known.file;
    else if (now - known.since < FOLDER_LIMITS.stableMs) return undefined;
    return this.#read(relative, signature, stats.size);
  }

  async #read(relative: string, signature: string, size: number): Promise<FolderFile | undefined> {
    const full = path.join(this.name, relative);
    let file: FolderFile;
    if (size > FOLDER_LIMITS.fileBytes) {
      file = { path: relative, problem: `it is larger than ${FOLDER_LIMITS.fileBytes / 1024 / 1024} MiB: split it into several files` };
    } else {
      try {
        const bytes = await readFile(full);
        if (signatureOf(await stat(full)) !== signature) return undefined;
        file = isUtf8(bytes) ? { path: relative, text: bytes.toString('utf8') } : { path: relative, problem: 'it is no UTF-8 text' };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        file = { path: relative, problem: explain(full, error) };
      }
    }
    const known = this.#known.get(relative);
    if (known?.signature === signature) known.file = file;
    return file;
  }

  /** Watching is a help only: where it can't be had (too many watches, network file systems), the regular scan does. */
  #watch(identity: string): void {
    if (this.#watched === identity) return;
    this.#watcher?.close();
    this.#watched = identity;
    try {
      this.#watcher = watch(this.name, { recursive: true, persistent: false }, () => this.#hint());
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      this.#watcher = undefined;
    }
  }

  #hint(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** By path: what a file is, or why it can not be read. */
type Found = Map<string, Stats | string>;

function signatureOf(stats: Stats): string {
  return `${stats.size} ${stats.mtimeMs} ${stats.ino}`;
}

function explain(full: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `${full} does not exist`;
  if (code === 'EACCES' || code === 'EPERM') return `${full} may not be read by this user`;
  return message;
}
