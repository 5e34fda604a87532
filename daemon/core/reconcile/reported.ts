import type { ContainerStatus, PodStatus } from '../../../protocol/types.ts';

/** What was said of all containers of a pod. */
export function reportedStatuses(status: PodStatus | undefined): ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? []), ...(status?.ephemeralContainerStatuses ?? [])];
}
