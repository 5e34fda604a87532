import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, open, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { waitFor } from '../support/wait.ts';
import type { Cell } from '../support/cell/cell.ts';
import { run } from '../support/cell/processes.ts';

/** Sparse: takes what is written to it only. */
const SIZE_BYTES = 512 * 1024 * 1024;

/** The small filesystem that holds a daemon's data: a file that the host mounts when it is switched on. */
export class HostDisk {
  readonly image: string;
  readonly mount: string;
  readonly #cell: Cell;

  constructor(cell: Cell, image: string, mount: string) {
    this.#cell = cell;
    this.image = image;
    this.mount = mount;
  }

  /** Once; and waits until the kernel has let go of it after the host's end. */
  async create(): Promise<void> {
    await mkdir(this.mount, { recursive: true });
    await waitFor(`${this.image} is unmounted`, () => !isAttached(this.image), { timeoutMs: 15_000, everyMs: 10 });
    if (existsSync(this.image)) return;
    const next = `${this.image}.next`;
    await (await open(next, 'w')).close();
    await truncate(next, SIZE_BYTES);
    await run('mkfs.ext4', ['-q', '-m', '0', next]);
    await run('mv', [next, this.image]);
  }

  async fill(leaveBytes: number): Promise<void> {
    await this.free();
    const [free = 0, block = 1] = (await this.#cell.exec(['stat', '-f', '-c', '%f %S', this.mount])).trim().split(' ').map(Number);
    const bytes = free * block - leaveBytes;
    if (bytes <= 0) return;
    // The file's own index takes a few blocks, which fallocate would fail for: what it leaves is filled block by block.
    const script = `fallocate -l "$2" "$1" 2> /dev/null || { rm -f "$1"; head -c "$2" /dev/zero > "$1" 2> /dev/null || true; }`;
    await this.#cell.exec(['/bin/sh', '-c', script, 'fill', this.#filler, String(bytes)]);
  }

  async free(): Promise<void> {
    await this.#cell.exec(['rm', '-f', this.#filler]);
  }

  async remove(): Promise<void> {
    await rm(this.image, { force: true });
  }

  get #filler(): string {
    return path.join(this.mount, 'filler');
  }
}

function isAttached(image: string): boolean {
  return readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .some((name) => {
      try {
        return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim() === image;
      } catch {
        return false;
      }
    });
}
