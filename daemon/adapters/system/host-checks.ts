import { Resolver } from 'node:dns/promises';
import { statfs } from 'node:fs/promises';
import type { HostChecks } from '../../ports/host-checks.ts';

/** The machine itself. */
export class SystemChecks implements HostChecks {
  readonly #dataDir: string;

  constructor(options: { dataDir: string }) {
    this.#dataDir = options.dataDir;
  }

  async disk(): Promise<{ path: string; freeBytes: number; totalBytes: number }> {
    const { bavail, blocks, bsize } = await statfs(this.#dataDir);
    return { path: this.#dataDir, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }

  async askName({ host, port }: { host: string; port: number }, name: string, timeoutMs: number): Promise<readonly string[]> {
    const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
    resolver.setServers([host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`]);
    return resolver.resolve4(name);
  }
}
