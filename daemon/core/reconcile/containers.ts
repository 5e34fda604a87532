import { asContainer } from '../../../protocol/kinds/ephemeral-container.ts';
import type { Container, PodSpec } from '../../../protocol/types.ts';
import type { RestartPolicy } from './standing.ts';

/** Runs beside the others, from before they start until after they have ended. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** All containers of a pod, those that run before first, those that were added last. */
export function allContainers(spec: PodSpec): Container[] {
  return [...ownContainers(spec), ...addedContainers(spec)];
}

/** Those that the pod was made with. */
export function ownContainers(spec: PodSpec): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** Ephemeral ones: they are started once, and what becomes of the pod does not depend on them. */
export function addedContainers(spec: PodSpec): Container[] {
  return (spec.ephemeralContainers ?? []).map(asContainer);
}

/** When one that runs before is started again: until it has succeeded, unless nothing of the pod is. */
export function initRestartPolicy(container: Container, ofPod: RestartPolicy): RestartPolicy {
  if (isSidecar(container)) return 'Always';
  return ofPod === 'Never' ? 'Never' : 'OnFailure';
}
