import { createHash } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { KithError } from '../../../protocol/errors.ts';

/** Candidates tried for one pod. With 10,000 of the 16 million addresses in use, each is taken with a chance of 0.06 %. */
const MAX_CANDIDATES = 64;

/** A lease younger than this may be of a pod whose folder is just being made. */
const MIN_SWEEP_AGE_MS = 60_000;

/**
 * Pod addresses out of 127.0.0.0/8, unique on this host also between daemons and users: a file named like the address, made with O_EXCL in one shared folder,
 * is the lease; it holds the path of the pod's folder. The first candidate is a hash of that path, so a pod mostly gets the same one again.
 */
export class LoopbackAddresses {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async lease(podFolder: string): Promise<string> {
    for (let candidate = 0; candidate < MAX_CANDIDATES; candidate += 1) {
      const address = candidateAddress(podFolder, candidate);
      if (await this.#take(address, podFolder)) return address;
    }
    throw new KithError('EngineFailed', `no free pod address after ${MAX_CANDIDATES} tries; is ${this.#folder} full of old leases?`);
  }

  /** Gives an address back, if it is this pod's. The last one takes the folder along. */
  async release(address: string, podFolder: string): Promise<void> {
    if (/^127(?:\.[0-9]{1,3}){3}$/.test(address) && (await this.#holder(address)) === podFolder) {
      await rm(join(this.#folder, address), { force: true });
      await rmdir(this.#folder).catch(() => undefined);
    }
  }

  /** Whether the address is that of a pod on this host, whichever daemon runs it. */
  async isOf(address: string, podUid: string): Promise<boolean> {
    return basename((await this.#holder(address)) ?? '') === podUid;
  }

  /** Frees leases whose pod is gone: a daemon killed between the two leaves such, and so does a data folder removed by hand. */
  async sweep(): Promise<void> {
    for (const address of await readdir(this.#folder).catch(() => [])) {
      const holder = await this.#holder(address);
      const { mtimeMs } = await stat(join(this.#folder, address)).catch(() => ({ mtimeMs: Date.now() }));
      if (holder === undefined || holder === '' || Date.now() - mtimeMs < MIN_SWEEP_AGE_MS || (await exists(holder))) continue;
      await this.release(address, holder).catch(() => undefined);
    }
  }

  async #makeFolder(): Promise<void> {
    const made = await mkdir(this.#folder, { recursive: true });
    // Shared by all users like /tmp: anyone adds, only the owner removes.
    if (made !== undefined) await chmod(this.#folder, 0o1777);
  }

  async #take(address: string, podFolder: string): Promise<boolean> {
    try {
      await this.#makeFolder();
      const file = await open(join(this.#folder, address), 'wx', 0o644);
      try {
        await file.writeFile(podFolder);
      } finally {
        await file.close();
      }
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Whoever gave back the last address took the folder along just then.
      if (code === 'ENOENT') return this.#take(address, podFolder);
      if (code !== 'EEXIST') throw error;
      return (await this.#holder(address)) === podFolder;
    }
  }

  async #holder(address: string): Promise<string | undefined> {
    return readFile(join(this.#folder, address), 'utf8').catch(() => undefined);
  }
}

/** First octets after 127 that are left to services, which have 127.96.0.0/12 by default. */
const SERVICE_OCTETS = { first: 96, count: 16 } as const;

/** 127.1.0.1 to 127.254.255.254 without those of services: hosts use 127.0.0.0/16 themselves (127.0.0.53, 127.0.1.1). */
export function candidateAddress(podFolder: string, candidate: number): string {
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(`${candidate}\0${podFolder}`).digest();
  const octet = 1 + (a % (254 - SERVICE_OCTETS.count));
  return `127.${octet < SERVICE_OCTETS.first ? octet : octet + SERVICE_OCTETS.count}.${b}.${1 + (c % 254)}`;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
}
