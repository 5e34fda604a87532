import { KithError } from '../../../protocol/errors.ts';
import type { Container, Pod } from '../../../protocol/types.ts';
import { cpuMillis, memoryBytes } from '../../../protocol/values/quantity.ts';
import type { ContainerStart, SandboxSpec } from '../../ports/runtime.ts';
import type { ConfigSource } from './config-source.ts';
import { DEFAULT_CLUSTER_DOMAIN } from '../network/service-range.ts';
import type { MountRequest } from '../../ports/volumes.ts';
import { securityOf } from './security.ts';
import { mountsOf } from './volumes/mounts.ts';
import { environmentOf, expand } from './environment.ts';
import type { PodFacts } from './environment.ts';
import { oomScoreAdj } from './qos.ts';
import { hostnameTrouble, podDns, podHostname, type DnsFacts } from '../network/names/pod-dns.ts';

/** Kubernetes' default for `terminationMessagePath`. */
const TERMINATION_MESSAGE_PATH = '/dev/termination-log';
/** Of a node that tells its pods no names. */
const NO_DNS: DnsFacts = { domain: DEFAULT_CLUSTER_DOMAIN };

/** A pod as the runtime needs it for its sandbox. @throws KithError `InvalidContainer` for a host name that no kernel takes */
export function sandboxSpec(pod: Pod, facts: DnsFacts = NO_DNS): SandboxSpec {
  const { metadata, spec } = pod;
  if (facts.pending === true)
    throw new KithError('EngineFailed', 'this node has no subnet for its pods yet, and pods ask for names at its first address');
  const { hostname, domain } = podHostname(pod, facts.domain);
  const trouble = hostnameTrouble(hostname);
  if (trouble !== undefined) throw new KithError('InvalidContainer', trouble);
  const dns = podDns(pod, facts);
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    spec,
    hostname,
    ...(domain === undefined ? {} : { domain }),
    ...(dns === undefined ? {} : { dns }),
  };
}

/**
 * A container as the runtime starts it: environment complete, `$(VAR)` expanded, resources in numbers; the mounts that it `wants` are still to be found.
 * @throws KithError `CreateContainerConfigError` when the environment asks for what is not there
 */
export function containerStart(
  pod: Pod,
  container: Container,
  attempt: number,
  facts: PodFacts,
  config: ConfigSource,
): ContainerStart & { wants: MountRequest[] } {
  const { env, missing } = environmentOf(pod, container, facts, config);
  if (missing !== undefined) throw new KithError('CreateContainerConfigError', missing, { container: container.name });
  const { limits, requests } = container.resources ?? {};
  const target = (pod.spec.ephemeralContainers ?? []).find(({ name }) => name === container.name)?.targetContainerName ?? '';
  const cpuRequest = requests?.['cpu'] ?? limits?.['cpu'];
  return {
    pod: sandboxSpec(pod, facts.dns),
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
    oomScoreAdj: oomScoreAdj(pod.spec, container, facts.capacity?.['memory']),
    tty: container.tty === true,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    ports: (container.ports ?? []).map((port) => ({
      containerPort: port.containerPort,
      hostPort: port.hostPort,
      hostIP: port.hostIP,
      protocol: port.protocol === 'UDP' || port.protocol === 'SCTP' ? port.protocol : 'TCP',
    })),
    security: securityOf(pod, container),
    ...(target === '' ? {} : { seesProcessesOf: target }),
    mounts: [],
    wants: mountsOf(container, env),
    terminationMessagePath: container.terminationMessagePath ?? TERMINATION_MESSAGE_PATH,
  };
}
