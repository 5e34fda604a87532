import type { ManifestFileRow } from '../../protocol/answers.ts';
import type { Mutation } from '../../protocol/desired.ts';
import { KithError } from '../../protocol/errors.ts';
import { allKinds } from '../../protocol/kinds/registry.ts';
import { groupResourceOf } from '../../protocol/kinds/kind.ts';
import type { Binding, DesiredObject } from '../../protocol/objects.ts';
import type { ClusterIndex, ClusterView } from '../core/cluster/view.ts';
import type { EventDraft } from '../core/decisions.ts';
import { declarationsOf } from '../core/manifests/declarations.ts';
import { planManifests } from '../core/manifests/plan.ts';
import type { ManifestStep } from '../core/manifests/plan.ts';
import { readManifestFile } from '../core/manifests/read.ts';
import type { ReadFile } from '../core/manifests/read.ts';
import type { Clock } from '../ports/clock.ts';
import type { FolderFile, FolderSnapshot, WatchedFolder } from '../ports/folder.ts';
import type { Log } from '../ports/log.ts';

/** Milliseconds. */
const SCAN_EVERY_MS = 2_000;
const SCAN_SETTLING_MS = 150;
/** A file counts as removed once it was missing for so long: editors replace files by removing them first. */
const REMOVED_AFTER_MS = 1_000;
/** Between two scans, however many hints there are. */
const SCAN_GAP_MS = 50;

export interface ManifestWatchDeps {
  folder: WatchedFolder;
  views: { view(): ClusterIndex; onChanged(listener: () => void): () => void };
  /** Writes a batch, all or none. */
  write(mutations: readonly Mutation[]): Promise<unknown>;
  /** What our word on a pod's node is worth now, for pods that name one. */
  bindingAuthor(): Pick<Binding, 'membersSeen' | 'membersKnown' | 'term'>;
  events: { record(draft: EventDraft): void };
  clock: Clock;
  log: Log;
}

/**
 * Keeps desired state in step with a folder of manifests. What it may delete it knows from the objects themselves (they remember which peer's files declare them) and
 * from having seen the file: an empty or missing folder at the start deletes nothing.
 */
export class ManifestWatch {
  readonly #deps: ManifestWatchDeps;
  readonly #stopping = new AbortController();
  #rows: ManifestFileRow[] = [];
  readonly #read = new Map<string, { file: FolderFile; read: ReadFile }>();
  /** Files seen since the start; or since another folder came in this one's place. */
  readonly #seen = new Set<string>();
  /** Files that were seen and are missing, with the monotonic ms since when. */
  readonly #missing = new Map<string, number>();
  /** The folder had files when it was first looked at: what is not among them was removed while the daemon was away. */
  #trusted = false;
  #identity: string | undefined;
  readonly #writeProblems = new Map<string, string>();
  readonly #told = new Map<string, string>();
  #kick: (() => void) | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(deps: ManifestWatchDeps) {
    this.#deps = deps;
  }

  async start(signal?: AbortSignal): Promise<void> {
    const end = (): void => this.#stopping.abort();
    signal?.addEventListener('abort', end, { once: true });
    // Not by the option `signal`: Node 20 keeps for ever what reaches itself through that, as a watch does that is never stopped.
    this.#stopping.signal.addEventListener('abort', () => signal?.removeEventListener('abort', end), { once: true });
    await this.#deps.folder.start();
    this.#work = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#kick?.();
    await this.#work;
    await this.#deps.folder.stop();
  }

  /** For `kith manifests`: every file, how it fared, and what it declares. */
  files(): readonly ManifestFileRow[] {
    return this.#rows;
  }

  async #run(): Promise<void> {
    const unsubscribe = this.#deps.folder.onHint(() => this.#kick?.());
    try {
      while (!this.#stopping.signal.aborted) {
        let waitMs = SCAN_EVERY_MS;
        try {
          if (await this.#follow(await this.#deps.folder.scan())) waitMs = SCAN_SETTLING_MS;
        } catch (error) {
          this.#deps.log.error('The folder of manifests could not be followed; trying again.', { error: textOf(error) });
        }
        await this.#pause(SCAN_GAP_MS, false);
        await this.#pause(waitMs - SCAN_GAP_MS, true);
      }
    } finally {
      unsubscribe();
    }
  }

  /** Waits `ms`; or, when it may be kicked, until the folder hints or the watch stops. */
  #pause(ms: number, kickable: boolean): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        this.#kick = undefined;
        resolve();
      };
      const cancel = this.#deps.clock.after(ms, done);
      if (signal.aborted) return done();
      signal.addEventListener('abort', done, { once: true });
      if (kickable) this.#kick = done;
    });
  }

  /** @returns whether to look again soon */
  async #follow(snapshot: FolderSnapshot): Promise<boolean> {
    const view = this.#deps.views.view();
    if (snapshot.problem !== undefined) {
      this.#rows = [
        { file: this.#deps.folder.name, state: 'waiting', message: `${snapshot.problem}; nothing is deleted for that`, objects: [] },
      ];
      this.#tell(view, this.#rows);
      return false;
    }
    const settling = [...snapshot.settling, ...this.#lookAt(snapshot)];
    const files = this.#readFiles(snapshot.files);
    if (!view.complete) {
      const message = 'this peer does not hold the whole desired state yet';
      this.#rows = files.map((file) => ({ file: file.path, state: 'waiting', message, objects: file.objects.map((object) => object.key) }));
      return false;
    }
    const plan = planManifests(
      {
        self: view.self.peer,
        files,
        settling,
        declared: declaredBy(view, view.self.peer),
        view,
        isMember: (peer) => view.members().some((member) => member.peer === peer),
        nodeIsMember: (node) => node === view.self.node || view.memberOfNode(node) !== undefined,
        binding: (node) => this.#binding(node),
        sawBefore: (path) => this.#trusted || this.#seen.has(path),
      },
      { wall: this.#deps.clock.now(), monotonic: this.#deps.clock.monotonic() },
    );
    for (const step of plan.steps) await this.#write(step);
    this.#rows = plan.rows.map((row) => {
      const problem = this.#writeProblems.get(row.file);
      return problem === undefined ? row : { ...row, state: 'failed', message: problem };
    });
    this.#tell(view, this.#rows);
    return settling.length > 0;
  }

  /**
   * Remembers what was seen. Another folder in this one's place is looked at as if for the first time.
   * @returns files that have gone missing just now: they may come back
   */
  #lookAt(snapshot: FolderSnapshot): string[] {
    const paths = [...snapshot.files.map((file) => file.path), ...snapshot.settling];
    if (this.#identity !== snapshot.identity) {
      this.#identity = snapshot.identity;
      this.#trusted = paths.length > 0;
      this.#seen.clear();
      this.#missing.clear();
    }
    const now = this.#deps.clock.monotonic();
    for (const path of this.#seen) if (!this.#missing.has(path)) this.#missing.set(path, now);
    for (const path of paths) {
      this.#seen.add(path);
      this.#missing.delete(path);
    }
    return [...this.#missing].filter(([, since]) => now - since < REMOVED_AFTER_MS).map(([path]) => path);
  }

  /** Files whose text is the same are not read again. */
  #readFiles(files: readonly FolderFile[]): ReadFile[] {
    const paths = new Set(files.map((file) => file.path));
    for (const path of this.#read.keys()) if (!paths.has(path)) this.#read.delete(path);
    return files.map((file) => {
      const known = this.#read.get(file.path);
      if (known !== undefined && known.file.text === file.text && known.file.problem === file.problem) return known.read;
      const read = readManifestFile(file);
      this.#read.set(file.path, { file, read });
      return read;
    });
  }

  #binding(node: string): Binding {
    const at = new Date(this.#deps.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    return { node, ...this.#deps.bindingAuthor(), by: 'user', rank: 0, at };
  }

  async #write(step: ManifestStep): Promise<void> {
    try {
      await this.#deps.write(step.mutations);
      this.#writeProblems.delete(step.file);
      this.#deps.log.info('A file of the folder of manifests was applied.', { file: step.file, changes: step.reasons.join('; ') });
    } catch (error) {
      this.#writeProblems.set(step.file, `the write failed and is tried again: ${textOf(error)}`);
    }
  }

  /** A problem is told once, in the log and as an Event of the node; again only when it changes. */
  #tell(view: ClusterView, rows: readonly ManifestFileRow[]): void {
    const now = new Set(rows.map((row) => row.file));
    for (const file of this.#told.keys()) if (!now.has(file)) this.#told.delete(file);
    for (const file of this.#writeProblems.keys()) if (!now.has(file)) this.#writeProblems.delete(file);
    for (const { file, state, message } of rows) {
      if (state !== 'failed') {
        this.#told.delete(file);
        continue;
      }
      if (this.#told.get(file) === message) continue;
      this.#told.set(file, message);
      this.#deps.log.warn('A file of the folder of manifests is bad; it changes nothing.', { file, problem: message });
      const { node } = view.self;
      const about = { apiVersion: 'v1', kind: 'Node', metadata: { name: node, uid: node, creationTimestamp: '' } };
      this.#deps.events.record({ about, type: 'Warning', reason: 'FailedManifest', message: `${file}: ${message}`, component: 'kith' });
    }
  }
}

function declaredBy(view: ClusterView, peer: string): DesiredObject[] {
  const declared: DesiredObject[] = [];
  for (const kind of allKinds()) {
    for (const desired of view.list(groupResourceOf(kind))) {
      if (desired.object.kith?.facts === undefined) continue;
      if (declarationsOf(desired.object).some((declaration) => declaration.peer === peer)) declared.push(desired);
    }
  }
  return declared;
}

function textOf(error: unknown): string {
  return error instanceof KithError || error instanceof Error ? error.message : String(error);
}
