import type { RuntimeUsage, UsageCounters } from '../../ports/runtime.ts';
import { hostUsage } from '../system/host-usage.ts';
import { EngineRefusal, READ_TIMEOUT_MS } from './client.ts';
import type { EngineClient } from './client.ts';
import { LABEL, SANDBOX } from './names.ts';
import type { Summary } from './listing.ts';

/** Questions to the engine under way at once. */
const PARALLEL = 8;

/** As far as we read it. Of control groups of version 1 and 2 alike but for the name of what is cached and not in use. */
interface Stats {
  cpu_stats?: { cpu_usage?: { total_usage?: number } };
  memory_stats?: { usage?: number; stats?: { inactive_file?: number; total_inactive_file?: number } };
}

/** What the engine counted of our containers that run. */
export async function engineUsage(client: EngineClient, summaries: readonly Summary[], signal?: AbortSignal): Promise<RuntimeUsage> {
  const pods = new Map<string, RuntimeUsage['pods'][number]>();
  const queue = summaries.filter(({ State, Labels }) => State === 'running' && Labels[LABEL.container] !== SANDBOX);
  const worker = async (): Promise<void> => {
    for (let summary = queue.shift(); summary !== undefined; summary = queue.shift()) {
      const counters = await ask(client, summary.Id, signal);
      if (counters === undefined) continue;
      const uid = summary.Labels[LABEL.podUid] ?? '';
      const pod = pods.get(uid) ?? { uid, containers: [] };
      pod.containers.push({ name: summary.Labels[LABEL.container] ?? '', id: summary.Id, ...counters });
      pods.set(uid, pod);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return { host: await hostUsage(), pods: [...pods.values()] };
}

/** Undefined of one that is gone. `one-shot`: without waiting for a second reading. */
async function ask(client: EngineClient, id: string, signal?: AbortSignal): Promise<UsageCounters | undefined> {
  const query = { stream: false, 'one-shot': true };
  try {
    return countersOf(
      await client.call<Stats>({ method: 'GET', path: `/containers/${id}/stats`, query, timeoutMs: READ_TIMEOUT_MS, signal }),
    );
  } catch (error) {
    if (error instanceof EngineRefusal && error.status === 404) return undefined;
    throw error;
  }
}

/** Undefined of a container that has just ended: the engine then answers with zeros. */
export function countersOf({ cpu_stats, memory_stats }: Stats): UsageCounters | undefined {
  const cpuNanos = cpu_stats?.cpu_usage?.total_usage ?? 0;
  const { usage = 0, stats } = memory_stats ?? {};
  if (cpuNanos === 0 && usage === 0) return undefined;
  return { cpuNanos, memoryBytes: Math.max(0, usage - (stats?.total_inactive_file ?? stats?.inactive_file ?? 0)) };
}
