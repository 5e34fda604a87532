import type { Usage, UsageReport } from '../../../protocol/observed.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { RuntimeUsage, UsageCounters } from '../../ports/runtime.ts';
import type { Now } from '../decisions.ts';

export interface UsageSample {
  usage: RuntimeUsage;
  /** Just before the runtime was asked. */
  at: Now;
}

const NANOS_PER_MS = 1e6;

/** What was used between two samples. Who was not there at both is left out, and so is a pod of which a container was not: half a pod would look idle. */
export function usageBetween(before: UsageSample, after: UsageSample, mostContainers: number): UsageReport {
  const windowMs = Math.max(1, Math.round(after.at.monotonic - before.at.monotonic));
  const counters = new Map(before.usage.pods.flatMap(({ uid, containers }) => containers.map((each) => [`${uid} ${each.id}`, each])));
  const pods: UsageReport['pods'] = [];
  let count = 0;
  for (const { uid, containers } of after.usage.pods) {
    const known = containers.every(({ id }) => counters.has(`${uid} ${id}`));
    count += containers.length;
    if (!known || containers.length === 0) continue;
    if (count > mostContainers) break;
    pods.push({
      uid,
      containers: containers.map((each) => ({ name: each.name, ...rate(counters.get(`${uid} ${each.id}`), each, windowMs) })),
    });
  }
  return { kind: 'usage', at: formatTime(after.at.wall), windowMs, node: rate(before.usage.host, after.usage.host, windowMs), pods };
}

function rate(before: UsageCounters | undefined, after: UsageCounters, windowMs: number): Usage {
  const cpuNanos = Math.max(0, after.cpuNanos - (before?.cpuNanos ?? 0));
  return { cpuMillis: Math.round((1000 * cpuNanos) / (windowMs * NANOS_PER_MS)), memoryBytes: Math.max(0, Math.round(after.memoryBytes)) };
}
