import type { Condition } from '../../protocol/conditions.ts';
import type { Node, Pod } from '../../protocol/types.ts';
import { cpuMillis, memoryBytes } from '../../protocol/values/quantity.ts';
import { mapLines, type Entry } from './lines.ts';
import { conditionLines } from './pod.ts';

const MIB = 1024 * 1024;

export function describeNode(node: Node, pods: readonly Pod[]): Entry[] {
  const { status = {}, spec } = node;
  const running = pods.filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
  const about = status.nodeInfo;
  return [
    ['Taints', (spec.taints ?? []).map((taint) => `${taint.key}=${taint.value ?? ''}:${taint.effect}`)],
    ['Unschedulable', String(spec.unschedulable ?? false)],
    ['Conditions', conditionLines((status.conditions ?? []) as Condition[])],
    ['Addresses', (status.addresses ?? []).map((address) => `${address.type}: ${address.address}`)],
    ['Capacity', mapLines(status.capacity, ': ')],
    ['Allocatable', mapLines(status.allocatable, ': ')],
    [
      'System Info',
      {
        entries: [
          ['Kernel Version', about?.kernelVersion ?? ''],
          ['OS Image', about?.osImage ?? ''],
          ['Operating System', about?.operatingSystem ?? ''],
          ['Architecture', about?.architecture ?? ''],
          ['Container Runtime Version', about?.containerRuntimeVersion ?? ''],
          ['Kubelet Version', about?.kubeletVersion ?? ''],
        ],
      },
    ],
    [`Non-terminated Pods (${running.length} in total)`, running.map(podLine)],
    ['Allocated requests', [`cpu: ${sum(running, 'cpu')}m`, `memory: ${Math.ceil(sum(running, 'memory') / MIB)}Mi`]],
  ];
}

function podLine(pod: Pod): string {
  return `${pod.metadata.namespace ?? ''}/${pod.metadata.name}  cpu ${requested(pod, 'cpu')}m, memory ${Math.ceil(requested(pod, 'memory') / MIB)}Mi`;
}

function sum(pods: readonly Pod[], resource: 'cpu' | 'memory'): number {
  return pods.reduce((total, pod) => total + requested(pod, resource), 0);
}

/** Thousandths of a core, or bytes. */
function requested(pod: Pod, resource: 'cpu' | 'memory'): number {
  const read = resource === 'cpu' ? cpuMillis : memoryBytes;
  return pod.spec.containers.reduce((total, container) => {
    const quantity = container.resources?.requests?.[resource];
    return total + (quantity === undefined ? 0 : read(quantity));
  }, 0);
}
