import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RuntimePod, RuntimeUsage, UsageCounters } from '../../ports/runtime.ts';
import { hostUsage } from '../system/host-usage.ts';

/** CPU times are told in hundredths of a second (USER_HZ), whatever the kernel counts in. */
const NANOS_PER_TICK = 1e7;
/** Processes looked at before others get their turn. */
const BATCH = 64;

interface Process {
  pid: number;
  parent: number;
  session: number;
  cpuNanos: number;
}

/** What the programs of containers, and all they started, have used. Who has left both the session and the tree of its container is not found. */
export async function processUsage(pods: readonly RuntimePod[]): Promise<RuntimeUsage> {
  const runs = pods.some(({ containers }) => containers.some(({ state }) => state === 'running'));
  // A host has hundreds of processes; without a container none of them is ours.
  const processes = runs ? await allProcesses() : [];
  const children = groupBy(processes, 'parent');
  const sessions = groupBy(processes, 'session');
  const of = (pid: number): UsageCounters => {
    const members = new Set<Process>(sessions.get(pid) ?? []);
    const open = processes.filter((process) => process.pid === pid);
    for (const process of open) {
      members.add(process);
      open.push(...(children.get(process.pid) ?? []).filter((child) => !members.has(child)));
    }
    const counters = { cpuNanos: 0, memoryBytes: 0 };
    for (const { pid: member, cpuNanos } of members) {
      counters.cpuNanos += cpuNanos;
      counters.memoryBytes += residentBytes(member);
    }
    return counters;
  };
  return {
    host: await hostUsage(),
    pods: pods.map(({ uid, containers }) => ({
      uid,
      containers: containers
        .filter(({ state }) => state === 'running')
        .map(({ name, id }) => ({ name, id, ...of(Number(/^process:\/\/(\d+)-/.exec(id)?.[1] ?? 0)) })),
    })),
  };
}

function groupBy(processes: readonly Process[], field: 'parent' | 'session'): Map<number, Process[]> {
  const groups = new Map<number, Process[]>();
  for (const process of processes) {
    const group = groups.get(process[field]);
    if (group === undefined) groups.set(process[field], [process]);
    else group.push(process);
  }
  return groups;
}

async function allProcesses(): Promise<Process[]> {
  const found: Process[] = [];
  for (const [index, name] of readdirSync('/proc').entries()) {
    if (index % BATCH === BATCH - 1) await nextTurn();
    if (!/^[0-9]+$/.test(name)) continue;
    const process = parseUsage(read(`/proc/${name}/stat`));
    if (process !== undefined) found.push(process);
  }
  return found;
}

/** Fields as proc(5) numbers them: 4 parent, 6 session, 14 to 17 CPU time of the process and of children that were waited for. */
export function parseUsage(text: string): Process | undefined {
  const close = text.lastIndexOf(')');
  if (close < 0) return undefined;
  const fields = text.slice(close + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3] ?? 0);
  const ticks = field(14) + field(15) + field(16) + field(17);
  return { pid: Number.parseInt(text, 10), parent: field(4), session: field(6), cpuNanos: ticks * NANOS_PER_TICK };
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** Empty for what is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
