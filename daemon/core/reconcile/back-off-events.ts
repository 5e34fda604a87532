import type { Pod } from '../../../protocol/types.ts';
import type { EventDraft } from '../decisions.ts';
import { withContainer } from './memory.ts';
import type { PodMemory } from './memory.ts';
import { pullBackOff } from './standing.ts';
import type { ContainerStanding } from './standing.ts';

/** The Event of a thing that happened to a pod on its node, or to one of its containers. */
export function podEvent(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string, container?: string): EventDraft {
  const draft: EventDraft = { about: pod, type, reason, message, component: 'kubelet' };
  return container === undefined ? draft : { ...draft, fieldPath: `spec.containers{${container}}` };
}

/** In the kubelet's words. */
export function noPullSecrets(pod: Pod, names: readonly string[]): EventDraft {
  const message = `Unable to retrieve some image pull secrets (${names.join(', ')}); attempting to pull the image may not succeed.`;
  return podEvent(pod, 'Warning', 'FailedToRetrieveImagePullSecret', message);
}

/** Events of back-offs that have begun: one for each, remembered as told. */
export function backOffEvents(
  pod: Pod,
  standings: readonly ContainerStanding[],
  before: PodMemory,
): { events: EventDraft[]; memory: PodMemory } {
  const events: EventDraft[] = [];
  let memory = before;
  for (const { container, phase, waiting } of standings) {
    const { name } = container;
    const { ended, hold } = memory.containers[name] ?? {};
    if (phase === 'backoff' && ended !== undefined && ended.told !== true) {
      const of = `${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid})`;
      events.push(podEvent(pod, 'Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${of}`, name));
      memory = withContainer(memory, name, { ended: { ...ended, told: true } });
    }
    if (waiting?.reason === 'ImagePullBackOff' && hold !== undefined && hold.told !== true) {
      events.push(podEvent(pod, 'Normal', 'BackOff', pullBackOff(container), name));
      events.push(podEvent(pod, 'Warning', 'Failed', 'Error: ImagePullBackOff', name));
      memory = withContainer(memory, name, { hold: { ...hold, told: true } });
    }
  }
  return { events, memory };
}
