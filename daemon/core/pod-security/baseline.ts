import type { PodSpec } from '../../../protocol/types.ts';
import type { Finding } from './level.ts';
import { containersOf, named, quoted } from './words.ts';

/** What the level `baseline` forbids. Source: k8s.io/pod-security-admission/policy, checks and words. */

const DEFAULT_CAPABILITIES: ReadonlySet<string> = new Set([
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE'],
  ...['SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
]);
const SELINUX_TYPES: ReadonlySet<string> = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']);
const SAFE_SYSCTLS: ReadonlySet<string> = new Set([
  ...['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.ip_unprivileged_port_start', 'net.ipv4.tcp_syncookies'],
  ...['net.ipv4.ping_group_range', 'net.ipv4.ip_local_reserved_ports', 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout'],
  ...['net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes', 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'],
]);

/** @param hostPorts whether they are forbidden, too */
export function baselineFindings(spec: PodSpec, hostPorts: boolean): Finding[] {
  const found: Finding[] = [];
  const add = (reason: string, detail: string): void => void found.push({ reason, detail });
  const containers = containersOf(spec);
  const namespaces = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field] === true);
  if (namespaces.length > 0) add('host namespaces', namespaces.map((field) => `${field}=true`).join(', '));
  const volumes = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name);
  if (volumes.length > 0) add('hostPath volumes', named('volume', volumes));
  const privileged = containers.filter(({ securityContext }) => securityContext?.privileged === true);
  if (privileged.length > 0) add('privileged', `${named('container', privileged)} must not set securityContext.privileged=true`);
  const withPorts = containers.filter(({ ports }) => (ports ?? []).some(({ hostPort }) => (hostPort ?? 0) !== 0));
  if (hostPorts && withPorts.length > 0) {
    const ports = withPorts.flatMap((container) => (container.ports ?? []).flatMap(({ hostPort }) => hostPort ?? []));
    add(
      'hostPort',
      `${named('container', withPorts)} ${withPorts.length === 1 ? 'uses' : 'use'} hostPort${ports.length === 1 ? '' : 's'} ${ports.join(', ')}`,
    );
  }
  const added = (list: readonly string[] | undefined): string[] =>
    (list ?? []).filter((capability) => !DEFAULT_CAPABILITIES.has(capability));
  const capable = containers.filter(({ securityContext }) => added(securityContext?.capabilities?.add).length > 0);
  if (capable.length > 0) {
    const names = [...new Set(capable.flatMap(({ securityContext }) => added(securityContext?.capabilities?.add)))].sort();
    add('non-default capabilities', `${named('container', capable)} must not include ${quoted(names)} in securityContext.capabilities.add`);
  }
  const unmasked = containers.filter(({ securityContext }) => (securityContext?.procMount ?? 'Default') !== 'Default');
  if (unmasked.length > 0) add('procMount', `${named('container', unmasked)} must not set securityContext.procMount to "Unmasked"`);
  const unconfined = containers.filter(({ securityContext }) => securityContext?.seccompProfile?.type === 'Unconfined');
  const podUnconfined = spec.securityContext?.seccompProfile?.type === 'Unconfined';
  if (podUnconfined || unconfined.length > 0) {
    const who = [...(podUnconfined ? ['pod'] : []), ...(unconfined.length > 0 ? [named('container', unconfined)] : [])].join(' and ');
    add('seccompProfile', `${who} must not set securityContext.seccompProfile.type to "Unconfined"`);
  }
  const types = [spec.securityContext, ...containers.map(({ securityContext }) => securityContext)].map(
    (context) => context?.seLinuxOptions?.type ?? '',
  );
  const forbidden = [...new Set(types.filter((type) => !SELINUX_TYPES.has(type)))];
  if (forbidden.length > 0)
    add(
      'seLinuxOptions',
      `pod set forbidden securityContext.seLinuxOptions: type${forbidden.length === 1 ? '' : 's'} ${quoted(forbidden)}`,
    );
  const sysctls = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !SAFE_SYSCTLS.has(name));
  if (sysctls.length > 0) add('forbidden sysctls', sysctls.join(', '));
  return found;
}
