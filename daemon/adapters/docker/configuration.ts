import { KithError } from '../../../protocol/errors.ts';
import type { ContainerSecurity, ContainerStart, SandboxSpec } from '../../ports/runtime.ts';
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
/** Characters of a host name, with its domain. */
const MAX_HOSTNAME = 64;

/** A pod in the host's network bears its name, too. */
const HOST_NAME = { UTSMode: 'host' };

/** Where a pod's address comes from: a fixed one in the node's network, or the engine's choice in a network that it has anyway. */
export interface Attachment {
  network: string;
  address?: string;
}

/** What a container's network is: that of a sandbox (or of the container that is its pod's sandbox, which shares nothing else), or its own. */
export type Place = { sandboxId: string; networkOnly?: boolean } | { network: string; address: string };

/**
 * Whether a pod can do without a pause container; containers that are added later join its only one. A hostPort wants one: it is held between two attempts, and one that is taken is the pod's failure, not an attempt's.
 */
export function isOwnSandbox({ spec }: SandboxSpec): boolean {
  const before = spec.initContainers ?? [];
  const [only, ...more] = spec.containers;
  if (only === undefined || more.length > 0 || before.length > 0 || spec.shareProcessNamespace === true || spec.hostNetwork === true)
    return false;
  return !(only.ports ?? []).some(({ hostPort }) => (hostPort ?? 0) !== 0);
}

/** Body of the create call for a pod's sandbox: holds addresses and published ports, and nothing else. */
export function sandboxConfig(owner: Owner, pod: SandboxSpec, pauseImage: string, attachment: Attachment): object {
  const onHost = pod.spec.hostNetwork === true;
  const published = onHost ? {} : publishedPorts(pod);
  return {
    Image: pauseImage,
    ...(onHost ? {} : hostnames(pod)),
    Labels: containerLabels(owner, pod, { container: SANDBOX, attempt: 0, image: pauseImage, address: attachment.address }),
    ExposedPorts: Object.fromEntries(Object.keys(published).map((port) => [port, {}])),
    ...endpoint(attachment),
    HostConfig: {
      NetworkMode: attachment.network,
      ...names(pod, onHost || attachment.address !== undefined),
      ...(onHost ? HOST_NAME : {}),
      // Whoever's parent has ended becomes the sandbox's child, and somebody has to bury it.
      ...(pod.spec.shareProcessNamespace === true ? { Init: true } : {}),
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

function hostnames({ hostname, domain }: SandboxSpec): object {
  return { Hostname: hostname.slice(0, MAX_HOSTNAME), ...(domain === undefined ? {} : { Domainname: domain }) };
}

/** What resolv.conf and /etc/hosts hold; who joins a sandbox has its files. Pods in the host's network reach the node's name server, too. In a network of ours the engine puts a name server of its own before those that are given. */
function names({ dns, spec }: SandboxSpec, reachesNode: boolean): object {
  const hosts = (spec.hostAliases ?? []).flatMap(({ ip, hostnames: all = [] }) => all.map((name) => `${name}:${ip}`));
  const resolver =
    dns === undefined || (dns.fromNode === true && !reachesNode)
      ? {}
      : {
          Dns: dns.nameservers,
          // Without any the engine takes its host's; a dot stands for none.
          DnsSearch: dns.searches.length === 0 ? ['.'] : dns.searches,
          DnsOptions: dns.options,
        };
  return { ...resolver, ...(hosts.length === 0 ? {} : { ExtraHosts: hosts }) };
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
 * @param targetId the container whose processes it sees
 */
export function containerConfig(
  owner: Owner,
  start: ContainerStart,
  place: Place,
  terminationFile: string | undefined,
  targetId?: string,
): object {
  const env = {
    KITH_NODE_NAME: owner.nodeName,
    KITH_POD_NAME: start.pod.name,
    KITH_TERMINATION_LOG: start.terminationMessagePath,
    ...start.env,
  };
  const mounts = start.mounts.map(({ hostPath, mountPath, readOnly, propagation }) => ({
    Type: 'bind',
    Source: hostPath,
    Target: mountPath,
    ReadOnly: readOnly,
    // The engine takes rprivate by default, but for what its own folder is part of (`/` of `kubectl debug node/…`): there it refuses rprivate, and takes rslave.
    ...(propagation === 'private' ? {} : { BindOptions: { Propagation: propagation } }),
  }));
  const words =
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
    ...userOf(start.security),
    Tty: start.tty,
    OpenStdin: start.stdin,
    StdinOnce: start.stdin && start.stdinOnce,
    AttachStdin: start.stdin,
    ...(joined ? {} : { ...hostnames(start.pod), ...endpoint(place) }),
    HostConfig: {
      ...(joined
        ? {
            NetworkMode: `container:${place.sandboxId}`,
            ...(place.networkOnly === true ? {} : { IpcMode: `container:${place.sandboxId}` }),
            ...(start.pod.spec.hostNetwork === true ? HOST_NAME : {}),
            ...(start.pod.spec.shareProcessNamespace === true ? { PidMode: `container:${place.sandboxId}` } : {}),
          }
        : { NetworkMode: place.network, ...names(start.pod, true) }),
      RestartPolicy: { Name: 'no' },
      LogConfig: LOG_CONFIG,
      Mounts: [...mounts, ...words],
      ...privileges(start.security),
      ...(targetId === undefined ? {} : { PidMode: `container:${targetId}` }),
      ...resources(start),
      ...oomScore(start),
    },
  };
}

function userOf({ runAsUser, runAsGroup }: ContainerSecurity = {}): object {
  if (runAsUser === undefined && runAsGroup !== undefined) {
    throw new KithError('InvalidContainer', 'runAsGroup is specified without a runAsUser');
  }
  if (runAsUser === undefined) return {};
  return { User: runAsGroup === undefined ? String(runAsUser) : `${runAsUser}:${runAsGroup}` };
}

function privileges(security: ContainerSecurity = {}): object {
  const { groups = [], addCapabilities = [], dropCapabilities = [], seccomp, appArmor } = security;
  const options = [
    ...(security.noNewPrivileges === true ? ['no-new-privileges'] : []),
    ...(seccomp === undefined ? [] : [`seccomp=${seccomp}`]),
    ...(appArmor === undefined ? [] : [`apparmor=${appArmor}`]),
  ];
  return {
    ...(groups.length === 0 ? {} : { GroupAdd: groups.map(String) }),
    ...(addCapabilities.length === 0 ? {} : { CapAdd: addCapabilities }),
    ...(dropCapabilities.length === 0 ? {} : { CapDrop: dropCapabilities }),
    ...(security.privileged === true ? { Privileged: true } : {}),
    ...(security.readOnlyRoot === true ? { ReadonlyRootfs: true } : {}),
    ...(options.length === 0 ? {} : { SecurityOpt: options }),
    ...(security.hostProcesses === true ? { PidMode: 'host' } : {}),
    ...(security.hostIpc === true ? { IpcMode: 'host' } : {}),
    ...(security.sysctls === undefined ? {} : { Sysctls: security.sysctls }),
  };
}

/** Engines that may not have a program go later than others (rootless ones, those in a container) start none that is to, and do not say why: what is guaranteed stays at 0, before all others. */
function oomScore({ oomScoreAdj = 0 }: ContainerStart): { OomScoreAdj?: number } {
  return oomScoreAdj > 0 ? { OomScoreAdj: oomScoreAdj } : {};
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
