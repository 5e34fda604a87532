import { chmod, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Kubernetes reads no more of a termination message. */
const MESSAGE_BYTES = 4096;

/**
 * Termination messages: an empty file of ours is bound into the container where its spec says, as the kubelet does it. Copying it out of the ended container
 * would not do: the default path is below /dev, a tmpfs that ends with the container.
 */
export class TerminationFiles {
  readonly #folder: string;

  constructor(dataDir: string) {
    this.#folder = join(dataDir, 'termination');
  }

  async prepare(podUid: string, container: string, attempt: number): Promise<string> {
    await mkdir(join(this.#folder, podUid), { recursive: true });
    const path = this.#path(podUid, container, attempt);
    await writeFile(path, '');
    // Containers may run as any user; the umask would take the bits away.
    await chmod(path, 0o666);
    return path;
  }

  /** Undefined when there is none or it is empty. */
  async read(podUid: string, container: string, attempt: number): Promise<string | undefined> {
    const file = await open(this.#path(podUid, container, attempt), 'r').catch(() => undefined);
    if (file === undefined) return undefined;
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MESSAGE_BYTES), 0, MESSAGE_BYTES, 0);
      return bytesRead === 0 ? undefined : buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async remove(podUid: string, container: string, attempt: number): Promise<void> {
    await rm(this.#path(podUid, container, attempt), { force: true });
  }

  async removePod(podUid: string): Promise<void> {
    await rm(join(this.#folder, podUid), { recursive: true, force: true });
  }

  #path(podUid: string, container: string, attempt: number): string {
    return join(this.#folder, podUid, `${container}-${attempt}`);
  }
}
