import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessMarks } from '../../ports/guard.ts';
import { parseStat } from '../process/processes.ts';

export interface Victim {
  pid: number;
  startTicks: string;
}

/**
 * Live processes that bear one of the marks. One look through /proc, which is memory; synchronous, as whoever asks has nothing better to do.
 */
export function findVictims(marks: readonly ProcessMarks[]): Victim[] {
  const environments = marks.flatMap(({ environment }) => (environment === undefined ? [] : [`\0${environment}`]));
  const groups = marks.flatMap(({ controlGroup }) => (controlGroup === undefined ? [] : [controlGroup]));
  const folders = marks.flatMap(({ attempt }) => (attempt === undefined ? [] : [attempt]));
  const sessions = new Set(folders.map((folder) => sessionIn(join(folder, 'running'))));
  const spared = new Set(folders.map((folder) => sessionIn(join(folder, 'shim'))));
  const found: Victim[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(pid) || Number(pid) === process.pid) continue;
    const stat = parseStat(read(`/proc/${pid}/stat`));
    if (stat === undefined || stat.state === 'Z' || stat.state === 'X' || spared.has(stat.session)) continue;
    const isOurs =
      sessions.has(stat.session) ||
      (environments.length > 0 && includesAny(`\0${read(`/proc/${pid}/environ`)}`, environments)) ||
      (groups.length > 0 && includesAny(read(`/proc/${pid}/cgroup`), groups));
    if (isOurs) found.push({ pid: stat.pid, startTicks: stat.startTicks });
  }
  return found;
}

/** @returns whether all of them may be killed by us */
export function mayKill(victim: Victim): boolean {
  try {
    process.kill(victim.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Kills them now. What they fork meanwhile is found by the next look. */
export function killVictims(victims: readonly Victim[]): void {
  for (const { pid, startTicks } of victims) {
    if (parseStat(read(`/proc/${pid}/stat`))?.startTicks !== startTicks) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself, or is not ours to kill: `look` tells.
    }
  }
}

/** Of this boot. A session lives on after its leader, and its number is not used anew while it does. */
function sessionIn(file: string): number | undefined {
  const [pid, , boot] = read(file).trim().split(' ');
  return boot !== undefined && boot === bootId() ? Number(pid) : undefined;
}

let knownBootId: string | undefined;
function bootId(): string {
  knownBootId ??= read('/proc/sys/kernel/random/boot_id').trim();
  return knownBootId;
}

function includesAny(text: string, parts: readonly string[]): boolean {
  return parts.some((part) => text.includes(part));
}

/** Empty when it is gone or not for our eyes. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
