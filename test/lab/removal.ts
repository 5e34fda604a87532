import { spawn } from 'node:child_process';
import { readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { ControlGroup, groupsNamed } from '../support/cell/cgroups.ts';
import { isAlive } from '../support/cell/processes.ts';
import { LABS_FOLDER } from './folders.ts';
import { LAB_NAME, labFolder, labGroup, labGroupPrefix, readLab, type LabRecord } from './record.ts';

/** A folder without a record is being made; or its maker died in the middle. */
const UNRECORDED_MS = 60_000;
const KEEP = 'keep\n';

/** Ends everything that bears the lab's name, and removes its folder; whatever is left of it, which may be nothing. */
export async function removeLab(name: string): Promise<void> {
  for (const group of await groupsNamed(labGroupPrefix(name))) await new ControlGroup(group).remove();
  await removeFolder(name);
}

/** This lab alone, and not a later one of the same name. */
async function removeOne(name: string, { id }: LabRecord): Promise<void> {
  await new ControlGroup(labGroup(name, id)).remove();
  if (readLab(name)?.id === id) await removeFolder(name);
}

/** Out of the way at once: removing takes a moment, and there may be others who do the same. */
async function removeFolder(name: string): Promise<void> {
  const removed = path.join(LABS_FOLDER, `.removed-${process.pid}-${name}`);
  const isOurs = await rename(labFolder(name), removed).then(
    () => true,
    () => false,
  );
  if (isOurs) await rm(removed, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  // The last one's; but not where supplies or another lab are.
  await rmdir(LABS_FOLDER).catch(() => undefined);
}

/** Labs whose owner has ended without a word, and whose guard has, too. */
export async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(LABS_FOLDER).catch(() => [])) {
    const maker = /^\.(?:making|removed)-(\d+)/.exec(name)?.[1];
    if (maker !== undefined && !isRunning(Number(maker))) await rm(path.join(LABS_FOLDER, name), { recursive: true, force: true });
    if (!LAB_NAME.test(name)) continue;
    const record = readLab(name);
    const madeAt = (await stat(labFolder(name)).catch(() => undefined))?.mtimeMs ?? Date.now();
    const isAbandoned = record === undefined ? Date.now() - madeAt > UNRECORDED_MS : record.owner !== undefined && !isAlive(record.owner);
    if (!isAbandoned) continue;
    await (record === undefined ? removeLab(name) : removeOne(name, record));
  }
}

/** A process that takes the lab down when ours ends, in whatever way: the pipe between them closes then. */
export class Guard {
  readonly #pipe: NodeJS.WritableStream;

  constructor(dist: string, name: string) {
    const child = spawn(process.execPath, [path.join(dist, 'lab.js'), 'guard', name], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    child.stdin.on('error', () => undefined);
    child.unref();
    this.#pipe = child.stdin;
  }

  /** The lab goes on without it, or is gone. */
  dismiss(): void {
    this.#pipe.end(KEEP);
  }
}

/** What the guard does. */
export async function guard(name: string, pipe: AsyncIterable<unknown>): Promise<void> {
  const record = readLab(name);
  let said = '';
  for await (const chunk of pipe) said += String(chunk);
  if (said !== KEEP && record !== undefined) await removeOne(name, record);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
