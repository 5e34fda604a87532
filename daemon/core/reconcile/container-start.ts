import { KithError } from '../../../protocol/errors.ts';
import type { Container, Pod } from '../../../protocol/types.ts';
import { cpuMillis, memoryBytes } from '../../../protocol/values/quantity.ts';
import type { ContainerStart, SandboxSpec } from '../../ports/runtime.ts';
import { environmentOf, expand } from './environment.ts';
import type { PodFacts } from './environment.ts';

/** Kubernetes' default for `terminationMessagePath`. */
const TERMINATION_MESSAGE_PATH = '/dev/termination-log';
/** Characters of a host name. */
const MAX_HOSTNAME = 63;

/** A pod as the runtime needs it for its sandbox. */
export function sandboxSpec(pod: Pod): SandboxSpec {
  const { metadata, spec } = pod;
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    spec,
    // Kubelet cuts a long name, and what it then ends in may be no letter.
    hostname: spec.hostname ?? metadata.name.slice(0, MAX_HOSTNAME).replace(/[-.]+$/, ''),
  };
}

/**
 * A container as the runtime starts it: environment complete, `$(VAR)` expanded, resources in numbers.
 * @throws KithError `InvalidContainer` when the environment asks for what can't be had
 */
export function containerStart(pod: Pod, container: Container, attempt: number, facts: PodFacts): ContainerStart {
  const { env, missing } = environmentOf(pod, container, facts);
  if (missing.length > 0) {
    throw new KithError('InvalidContainer', `container ${container.name}: ${missing.join('; ')}`, { container: container.name });
  }
  const { limits, requests } = container.resources ?? {};
  const cpuRequest = requests?.['cpu'] ?? limits?.['cpu'];
  return {
    pod: sandboxSpec(pod),
    container: container.name,
    image: container.image ?? '',
    attempt,
    env,
    command: container.command?.map((word) => expand(word, env)),
    args: container.args?.map((word) => expand(word, env)),
    workingDir: container.workingDir,
    cpuLimitMillis: limits?.['cpu'] === undefined ? undefined : cpuMillis(limits['cpu']),
    cpuRequestMillis: cpuRequest === undefined ? undefined : cpuMillis(cpuRequest),
    memoryLimitBytes: limits?.['memory'] === undefined ? undefined : memoryBytes(limits['memory']),
    tty: container.tty === true,
    stdin: container.stdin === true,
    ports: (container.ports ?? []).map((port) => ({
      containerPort: port.containerPort,
      hostPort: port.hostPort,
      hostIP: port.hostIP,
      protocol: port.protocol === 'UDP' || port.protocol === 'SCTP' ? port.protocol : 'TCP',
    })),
    terminationMessagePath: container.terminationMessagePath ?? TERMINATION_MESSAGE_PATH,
  };
}
