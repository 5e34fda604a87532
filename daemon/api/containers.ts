import type { ContainerStatus, Pod } from '../../protocol/types.ts';
import { reportedStatuses } from '../core/reconcile/reported.ts';
import { ApiError } from './status.ts';

/** The node that a pod is bound to. @throws ApiError `BadRequest` */
export function nodeOf(pod: Pod): string {
  const node = pod.spec.nodeName ?? '';
  if (node === '') throw new ApiError('BadRequest', `pod ${pod.metadata.name} does not have a host assigned`);
  return node;
}

/** @throws ApiError `BadRequest` for a container that does not run, with the reason why */
export function runningContainer(pod: Pod, container: string): void {
  const status: ContainerStatus | undefined = reportedStatuses(pod.status).find(({ name }) => name === container);
  const { running, terminated, waiting } = status?.state ?? {};
  if (running !== undefined) return;
  const why = terminated?.reason ?? waiting?.reason ?? pod.status?.phase ?? 'Pending';
  throw new ApiError('BadRequest', `container "${container}" in pod "${pod.metadata.name}" does not run: ${why}`);
}

/** Upstream's words: pkg/registry/core/pod/strategy.go. */
export function chooseContainer(pod: Pod, asked: string): string {
  const { name } = pod.metadata;
  const names = pod.spec.containers.map((container) => container.name);
  const initNames = (pod.spec.initContainers ?? []).map((container) => container.name);
  const added = (pod.spec.ephemeralContainers ?? []).map((container) => container.name);
  if (asked === '') {
    if (names.length === 1 && names[0] !== undefined) return names[0];
    const orInit = initNames.length === 0 ? '' : ` or one of the init containers: [${initNames.join(' ')}]`;
    const orAdded = added.length === 0 ? '' : ` or one of the ephemeral containers: [${added.join(' ')}]`;
    throw new ApiError(
      'BadRequest',
      `a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]${orInit}${orAdded}`,
    );
  }
  if (![...names, ...initNames, ...added].includes(asked)) {
    throw new ApiError('BadRequest', `container ${asked} is not valid for pod ${name}`);
  }
  return asked;
}
