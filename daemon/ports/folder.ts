/** A folder of manifests that people (or their tools) write into. Adapter: fs; a Map in tests. */
export interface WatchedFolder {
  /** As configured, for messages. */
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What is in the folder now. Cheap when nothing changed. Does not throw for what is wrong with the folder or with single files. */
  scan(): Promise<FolderSnapshot>;
  /** Says that something may have changed. May miss and repeat. */
  onHint(listener: () => void): () => void;
}

export interface FolderSnapshot {
  /** Undefined: the folder is there and can be read. Else why not. */
  problem?: string;
  /** Differs when another folder is in its place (another mount, for example). */
  identity: string;
  /** Sorted by path. Editors' temporary files and hidden files are not among them. */
  files: FolderFile[];
  /** Files that may still be being written: they are there, but not to be read yet. Scan again soon. */
  settling: string[];
}

export interface FolderFile {
  /** Relative to the folder, with `/`. */
  path: string;
  /** Either its text, or why it can't be had. */
  text?: string;
  problem?: string;
}
