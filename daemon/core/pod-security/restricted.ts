import type { PodSpec } from '../../../protocol/types.ts';
import type { Finding } from './level.ts';
import { containersOf, named } from './words.ts';

/** What the level `restricted` asks for beyond `baseline`. Source: k8s.io/pod-security-admission/policy, checks and words. */

const VOLUME_TYPES: ReadonlySet<string> = new Set([
  ...['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret', 'image'],
]);
const SECCOMP_TYPES: ReadonlySet<string> = new Set(['RuntimeDefault', 'Localhost']);

export function restrictedFindings(spec: PodSpec): Finding[] {
  const found: Finding[] = [];
  const add = (reason: string, detail: string): void => void found.push({ reason, detail });
  const containers = containersOf(spec);
  const context = spec.securityContext;
  const escalating = containers.filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  if (escalating.length > 0) {
    add('allowPrivilegeEscalation != false', `${named('container', escalating)} must set securityContext.allowPrivilegeEscalation=false`);
  }
  const capable = containers.filter(({ securityContext }) => securityContext?.capabilities?.drop?.includes('ALL') !== true);
  if (capable.length > 0)
    add('unrestricted capabilities', `${named('container', capable)} must set securityContext.capabilities.drop=["ALL"]`);
  const gaining = containers.filter(({ securityContext }) =>
    (securityContext?.capabilities?.add ?? []).some((each) => each !== 'NET_BIND_SERVICE'),
  );
  if (gaining.length > 0) {
    const names = [...new Set(gaining.flatMap(({ securityContext }) => securityContext?.capabilities?.add ?? []))].filter(
      (each) => each !== 'NET_BIND_SERVICE',
    );
    const list = names.map((name) => JSON.stringify(name)).join(', ');
    add('unrestricted capabilities', `${named('container', gaining)} must not include ${list} in securityContext.capabilities.add`);
  }
  for (const volume of spec.volumes ?? []) {
    const type = Object.keys(volume).find((field) => field !== 'name') ?? 'emptyDir';
    if (!VOLUME_TYPES.has(type)) add('restricted volume types', `${named('volume', [volume.name])} uses restricted volume type "${type}"`);
  }
  const rootable = containers.filter(({ securityContext }) => (securityContext?.runAsNonRoot ?? context?.runAsNonRoot) !== true);
  if (rootable.length > 0) add('runAsNonRoot != true', `pod or ${named('container', rootable)} must set securityContext.runAsNonRoot=true`);
  const root = containers.filter(({ securityContext }) => securityContext?.runAsUser === 0);
  if (context?.runAsUser === 0) add('runAsUser=0', 'pod must not set runAsUser=0');
  if (root.length > 0) add('runAsUser=0', `${named('container', root)} must not set runAsUser=0`);
  const unconfined = containers.filter(
    ({ securityContext }) => !SECCOMP_TYPES.has((securityContext?.seccompProfile ?? context?.seccompProfile)?.type ?? ''),
  );
  if (unconfined.length > 0) {
    add(
      'seccompProfile',
      `pod or ${named('container', unconfined)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
    );
  }
  return found;
}
