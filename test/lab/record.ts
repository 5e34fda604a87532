import { existsSync, readFileSync } from 'node:fs';
import { readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessId } from '../support/cell/processes.ts';
import { LABS_FOLDER } from './folders.ts';

/** What is kept of a lab in its folder, so that another process can go on with it. */
export interface LabRecord {
  /** Told apart from a later lab of the same name by this. */
  id: string;
  /** For each host, arguments of its kithd beside the usual ones. */
  hosts: string[][];
  /** Folder with kithd.js, kith.js and lab.js. */
  dist: string;
  movableClocks: boolean;
  /** Hosts from this number on are on the other side of the router. */
  farFrom?: number;
  /** The lab ends with this process. Undefined for one that stays. */
  owner?: ProcessId;
}

/** Longer names make paths of sockets that the kernel does not take. */
export const LAB_NAME = /^[a-z0-9][a-z0-9-]{0,23}$/;

export function labFolder(name: string): string {
  return path.join(LABS_FOLDER, name);
}

/** Of the lab's group of processes; the hosts' are inside. */
export function labGroup(name: string, id: string): string {
  return `/${labGroupPrefix(name)}${id}`;
}

export function labGroupPrefix(name: string): string {
  return `kith-lab-${name}.`;
}

export function readLab(name: string): LabRecord | undefined {
  try {
    return JSON.parse(readFileSync(path.join(labFolder(name), 'lab.json'), 'utf8')) as LabRecord;
  } catch {
    return undefined;
  }
}

export async function writeLab(name: string, record: LabRecord): Promise<void> {
  const file = path.join(labFolder(name), 'lab.json');
  await writeFile(`${file}.next`, JSON.stringify(record));
  await rename(`${file}.next`, file);
}

export async function labNames(): Promise<string[]> {
  const names = await readdir(LABS_FOLDER).catch(() => []);
  return names.filter((name) => LAB_NAME.test(name) && readLab(name) !== undefined);
}

/** Where package.json is: above the sources, and above the bundles in dist/. */
export function projectRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) {
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error('the lab does not find its own package.json');
    folder = parent;
  }
  return folder;
}
