import type { Container, Pod } from '../../../protocol/types.ts';
import type { ContainerSecurity } from '../../ports/runtime.ts';

/** What a container may do: its own settings, and the pod's where it has none. Undefined: nothing was said of it. */
export function securityOf(pod: Pod, container: Container): ContainerSecurity | undefined {
  const { securityContext: ofPod, hostPID, hostIPC } = pod.spec;
  const own = container.securityContext;
  const runAsUser = own?.runAsUser ?? ofPod?.runAsUser;
  const runAsGroup = own?.runAsGroup ?? ofPod?.runAsGroup;
  const seccomp = own?.seccompProfile ?? ofPod?.seccompProfile;
  const appArmor = own?.appArmorProfile ?? ofPod?.appArmorProfile;
  const groups = [...(ofPod?.supplementalGroups ?? []), ...(ofPod?.fsGroup === undefined ? [] : [ofPod.fsGroup])];
  const security: ContainerSecurity = {
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    ...(groups.length === 0 ? {} : { groups }),
    ...((own?.runAsNonRoot ?? ofPod?.runAsNonRoot) === true ? { nonRootFor: nonRootWords(pod, container) } : {}),
    ...(own?.privileged === true ? { privileged: true } : {}),
    ...(own?.allowPrivilegeEscalation === false ? { noNewPrivileges: true } : {}),
    ...(own?.readOnlyRootFilesystem === true ? { readOnlyRoot: true } : {}),
    ...((own?.capabilities?.add ?? []).length === 0 ? {} : { addCapabilities: own?.capabilities?.add }),
    ...((own?.capabilities?.drop ?? []).length === 0 ? {} : { dropCapabilities: own?.capabilities?.drop }),
    ...(seccomp?.type === 'Unconfined' ? { seccomp: 'unconfined' as const } : {}),
    ...(appArmor?.type === 'Unconfined' ? { appArmor: 'unconfined' } : {}),
    ...(appArmor?.type === 'Localhost' ? { appArmor: appArmor.localhostProfile ?? '' } : {}),
    ...(hostPID === true ? { hostProcesses: true } : {}),
    ...(hostIPC === true ? { hostIpc: true } : {}),
    ...(ofPod?.sysctls === undefined ? {} : { sysctls: Object.fromEntries(ofPod.sysctls.map(({ name, value }) => [name, value])) }),
  };
  return Object.keys(security).length === 0 ? undefined : security;
}

/** How kubelet ends its messages about a container that must not run as root. */
function nonRootWords({ metadata }: Pod, { name }: Container): string {
  return `(pod: "${metadata.name}_${metadata.namespace ?? ''}(${metadata.uid})", container: ${name})`;
}
