import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../support/cell/processes.ts';

export const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
const PATH_VARIABLE = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Blob {
  digest: string;
  size: number;
}

/** Images as a registry hands them out: `blobs/SHA256` and `manifests/NAME/TAG`. https://distribution.github.io/distribution/spec/manifest-v2-2/ */
export class ImageStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Equal folders give equal layers: in order, and without times and owners. */
  async layer(root: string): Promise<Blob> {
    await mkdir(path.join(this.#folder, 'blobs'), { recursive: true });
    const file = path.join(this.#folder, 'layer.tar');
    await run('tar', ['-C', root, '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '-cf', file, '.']);
    const digest = digestOf(await readFile(file));
    const { size } = await stat(file);
    await rename(file, this.#blob(digest));
    return { digest, size };
  }

  async image(name: string, tag: string, layers: readonly Blob[], command: readonly string[]): Promise<void> {
    const config = await this.#put({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: { Cmd: command, Env: [PATH_VARIABLE], WorkingDir: '/', ...(name === 'nginx' ? { ExposedPorts: { '80/tcp': {} } } : {}) },
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
      history: layers.map(() => ({ created: '1970-01-01T00:00:00Z' })),
    });
    const manifest = await this.#put({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...config },
      // Not compressed: nothing here is farther away than the next namespace.
      layers: layers.map((layer) => ({ mediaType: 'application/vnd.docker.image.rootfs.diff.tar', ...layer })),
    });
    const tags = path.join(this.#folder, 'manifests', name);
    await mkdir(tags, { recursive: true });
    await writeFile(path.join(tags, tag), manifest.digest);
  }

  async #put(value: object): Promise<Blob> {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = digestOf(bytes);
    await writeFile(this.#blob(digest), bytes);
    return { digest, size: bytes.length };
  }

  #blob(digest: string): string {
    return path.join(this.#folder, 'blobs', digest.replace('sha256:', ''));
  }
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
