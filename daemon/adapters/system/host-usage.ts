import { readFile } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import type { UsageCounters } from '../../ports/runtime.ts';

const NANOS_PER_MS = 1e6;

/** What this host has used since it started. */
export async function hostUsage(): Promise<UsageCounters> {
  const busyMs = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'latin1').catch(() => ''))?.[1];
  const freeBytes = available === undefined ? freemem() : Number(available) * 1024;
  return { cpuNanos: busyMs * NANOS_PER_MS, memoryBytes: Math.max(0, totalmem() - freeBytes) };
}
