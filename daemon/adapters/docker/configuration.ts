import { KithError } from '../../../protocol/errors.ts';
import type { ContainerStart, SandboxSpec } from '../../ports/runtime.ts';
import { containerLabels, SANDBOX } from './names.ts';
import type { Owner } from './names.ts';

/** What a container may write before the oldest of it is dropped: 10 MiB in each of three files. */
const LOG_CONFIG = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } };
/** The kernel's scheduling period for CPU quotas, in microseconds, as the kubelet uses it. */
const CPU_PERIOD_MICROS = 100_000;
/** The kernel takes no smaller quota. */
const MIN_CPU_QUOTA_MICROS = 1_000;
/** cgroup shares of one core, and the least the kernel takes. */
const SHARES_PER_CORE = 1_024;
const MIN_SHARES = 2;
/** Characters of a host name. */
const MAX_HOSTNAME = 63;

/** Where a pod's address comes from: a fixed one in the node's network, or the engine's choice in a network that it has anyway. */
export interface Attachment {
  network: string;
  address?: string;
}

/** What a container's network is: that of a sandbox, or its own. */
export type Place = { sandboxId: string } | { network: string; address: string };

/**
 * Whether a pod can do without a pause container. A hostPort wants one: it is held between two attempts, and one that is taken is the pod's failure, not an attempt's.
 */
export function isOwnSandbox({ spec }: SandboxSpec): boolean {
  const others = [...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
  const [only, ...more] = spec.containers;
  if (only === undefined || more.length > 0 || others.length > 0 || spec.shareProcessNamespace === true || spec.hostNetwork === true)
    return false;
  return !(only.ports ?? []).some(({ hostPort }) => (hostPort ?? 0) !== 0);
}

/** Body of the create call for a pod's sandbox: holds addresses and published ports, and nothing else. */
export function sandboxConfig(owner: Owner, pod: SandboxSpec, pauseImage: string, attachment: Attachment): object {
  if (pod.spec.hostNetwork === true) {
    throw new KithError('InvalidContainer', `pod ${pod.namespace}/${pod.name}: hostNetwork is not supported`);
  }
  const published = publishedPorts(pod);
  return {
    Image: pauseImage,
    Hostname: hostnameOf(pod),
    Labels: containerLabels(owner, pod, { container: SANDBOX, attempt: 0, image: pauseImage, address: attachment.address }),
    ExposedPorts: Object.fromEntries(Object.keys(published).map((port) => [port, {}])),
    ...endpoint(attachment),
    HostConfig: {
      NetworkMode: attachment.network,
      IpcMode: 'shareable',
      PortBindings: published,
      RestartPolicy: { Name: 'no' },
      LogConfig: LOG_CONFIG,
      CapDrop: ['ALL'],
      ReadonlyRootfs: true,
      SecurityOpt: ['no-new-privileges'],
    },
  };
}

function hostnameOf(pod: SandboxSpec): string {
  return pod.hostname.slice(0, MAX_HOSTNAME);
}

function endpoint({ network, address }: Attachment): object {
  if (address === undefined) return {};
  return { NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: address } } } } };
}

function publishedPorts(pod: SandboxSpec): Record<string, { HostIp: string; HostPort: string }[]> {
  const ports: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const port of container.ports ?? []) {
      if (port.hostPort === undefined || port.hostPort === 0) continue;
      const key = `${port.containerPort}/${(port.protocol ?? 'TCP').toLowerCase()}`;
      (ports[key] ??= []).push({ HostIp: port.hostIP ?? '', HostPort: String(port.hostPort) });
    }
  }
  return ports;
}

/**
 * Body of the create call for a container of a pod. The engine's own restart policy is never used: restarts are ours, and each is an attempt of its own.
 * @param terminationFile host path of the file for its last words; undefined where the engine can't bind our files
 */
export function containerConfig(owner: Owner, start: ContainerStart, place: Place, terminationFile: string | undefined): object {
  const env = {
    KITH_NODE_NAME: owner.nodeName,
    KITH_POD_NAME: start.pod.name,
    KITH_TERMINATION_LOG: start.terminationMessagePath,
    ...start.env,
  };
  const mounts =
    terminationFile === undefined || start.terminationMessagePath === ''
      ? []
      : [{ Type: 'bind', Source: terminationFile, Target: start.terminationMessagePath }];
  const { container, attempt, image } = start;
  const joined = 'sandboxId' in place;
  return {
    Image: image,
    Labels: containerLabels(owner, start.pod, { container, attempt, image, ...(joined ? {} : { address: place.address }) }),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(start.command === undefined ? {} : { Entrypoint: start.command }),
    ...(start.args === undefined ? {} : { Cmd: start.args }),
    ...(start.workingDir === undefined ? {} : { WorkingDir: start.workingDir }),
    Tty: start.tty,
    OpenStdin: start.stdin,
    ...(joined ? {} : { Hostname: hostnameOf(start.pod), ...endpoint(place) }),
    HostConfig: {
      ...(joined
        ? { NetworkMode: `container:${place.sandboxId}`, IpcMode: `container:${place.sandboxId}` }
        : { NetworkMode: place.network }),
      RestartPolicy: { Name: 'no' },
      LogConfig: LOG_CONFIG,
      Mounts: mounts,
      ...resources(start),
    },
  };
}

function resources(start: ContainerStart): object {
  const shares = Math.max(MIN_SHARES, Math.floor(((start.cpuRequestMillis ?? 0) * SHARES_PER_CORE) / 1_000));
  const quota = Math.max(MIN_CPU_QUOTA_MICROS, Math.floor(((start.cpuLimitMillis ?? 0) * CPU_PERIOD_MICROS) / 1_000));
  return {
    CpuShares: shares,
    ...(start.cpuLimitMillis === undefined ? {} : { CpuPeriod: CPU_PERIOD_MICROS, CpuQuota: quota }),
    // Equal bounds mean no swap, which Kubernetes does not count on either.
    ...(start.memoryLimitBytes === undefined ? {} : { Memory: start.memoryLimitBytes, MemorySwap: start.memoryLimitBytes }),
  };
}
