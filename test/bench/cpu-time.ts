import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts CPU time in these. */
const TICKS_PER_SECOND = 100;
const LONG_LIVED = { kithd: /\/kithd\.js\0/, dockerd: /^\S*dockerd\0/ };

/** Seconds of CPU. */
export interface CpuTime {
  /** Of the whole machine: also of what the engines run for a container and that has ended again (runc, iptables). */
  all: number;
  kithd: number;
  dockerd: number;
}

/** Since the machine started; of kithd and dockerd, of those that run now. */
export function cpuTime(): CpuTime {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? '')
    .split(/\s+/)
    .map(Number);
  const time: CpuTime = { all: (user + nice + system + irq + softirq) / TICKS_PER_SECOND, kithd: 0, dockerd: 0 };
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const line = read(`/proc/${pid}/cmdline`);
    for (const name of ['kithd', 'dockerd'] as const) if (LONG_LIVED[name].test(line)) time[name] += cpuSeconds(pid);
  }
  return time;
}

export function cpuSince(before: CpuTime): CpuTime {
  const after = cpuTime();
  return { all: after.all - before.all, kithd: after.kithd - before.kithd, dockerd: after.dockerd - before.dockerd };
}

/** User and system time of a process, without its children; 0 when it has gone. */
export function cpuSeconds(pid: number | string): number {
  const fields = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
