import type { FolderSnapshot, WatchedFolder } from '../../daemon/ports/folder.ts';

/** A watched folder in memory: a map from paths to texts. */
export class MemoryFolder implements WatchedFolder {
  readonly name = '/manifests';
  readonly files = new Map<string, string>();
  readonly settling = new Set<string>();
  problem: string | undefined;
  identity = 'folder-1';
  hint: () => void = () => undefined;
  scans = 0;

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  onHint(listener: () => void): () => void {
    this.hint = listener;
    return () => undefined;
  }

  async scan(): Promise<FolderSnapshot> {
    this.scans += 1;
    if (this.problem !== undefined) return { problem: this.problem, identity: '', files: [], settling: [] };
    const files = [...this.files].filter(([path]) => !this.settling.has(path)).map(([path, text]) => ({ path, text }));
    return { identity: this.identity, files, settling: [...this.settling] };
  }
}
