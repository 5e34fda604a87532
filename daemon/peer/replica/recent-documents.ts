import type { Entry } from './object-index.ts';

/** Documents kept, and the bytes above which one is not: 2 MiB at most. */
const MAX_RECENT = 32;
const MAX_RECENT_BYTES = 64 * 1_024;

/** The documents written last, as they are on disk: what changed now will most likely change again, and reading it back costs two changes of threads. */
export class RecentDocuments {
  private readonly documents = new Map<string, { entry: Entry; saved: Uint8Array }>();

  put(entry: Entry, saved: Uint8Array): void {
    this.documents.delete(entry.key);
    if (saved.byteLength > MAX_RECENT_BYTES) return;
    this.documents.set(entry.key, { entry, saved });
    for (const oldest of this.documents.keys()) {
      if (this.documents.size <= MAX_RECENT) return;
      this.documents.delete(oldest);
    }
  }

  forget(key: string): void {
    this.documents.delete(key);
  }

  /** Of this very version, or nothing. */
  get(entry: Entry): Uint8Array | undefined {
    const held = this.documents.get(entry.key);
    return held?.entry === entry ? held.saved : undefined;
  }
}
