import type { DesiredObject } from '../../../protocol/objects.ts';
import { shapeOf } from './pod-shape.ts';

/** What a pod that asks for nothing counts as when nodes are compared (never when it is fitted). Source: upstream's GetNonzeroRequests. */
export const LEAST_CPU_MILLIS = 100;
export const LEAST_MEMORY_BYTES = 200 * 1024 * 1024;
/** What pods take together that ask for processor and memory only. */
export interface Load {
  cpuMillis: number;
  memoryBytes: number;
  cpuScored: number;
  memoryScored: number;
  pods: number;
}

/** By the view's list of a node's pods, which is another one as soon as any of them is; undefined where some ask for more. What has ended by its outcome takes nothing. */
const loads = new WeakMap<readonly DesiredObject[], { load: Load | undefined }>();

export function loadOf(pods: readonly DesiredObject[]): Load | undefined {
  let known = loads.get(pods);
  if (known === undefined) loads.set(pods, (known = { load: sumOf(pods) }));
  return known.load;
}

function sumOf(pods: readonly DesiredObject[]): Load | undefined {
  const load = { cpuMillis: 0, memoryBytes: 0, cpuScored: 0, memoryScored: 0, pods: 0 };
  for (const pod of pods) {
    if (pod.object.kith?.outcome !== undefined) continue;
    const { cpuMillis, memoryBytes, others, hostPorts } = shapeOf(pod);
    if (others.size > 0 || hostPorts.length > 0) return undefined;
    load.cpuMillis += cpuMillis;
    load.memoryBytes += memoryBytes;
    load.cpuScored += cpuMillis || LEAST_CPU_MILLIS;
    load.memoryScored += memoryBytes || LEAST_MEMORY_BYTES;
    load.pods += 1;
  }
  return load;
}
