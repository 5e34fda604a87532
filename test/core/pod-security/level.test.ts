import { expect, it } from 'vitest';
import { violation } from '../../../daemon/core/pod-security/level.ts';
import type { StoredObject } from '../../../protocol/objects.ts';
import type { PodSpec } from '../../../protocol/types.ts';

const namespace = (labels: Record<string, string>): StoredObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: 'n',
    uid: 'u',
    creationTimestamp: '',
    labels: Object.fromEntries(Object.entries(labels).map(([mode, level]) => [`pod-security.kubernetes.io/${mode}`, level])),
  },
});
const risky: PodSpec = {
  hostPID: true,
  volumes: [{ name: 'v', hostPath: { path: '/' } }],
  containers: [
    { name: 'a', image: 'x', securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN', 'CHOWN'] } } },
    { name: 'b', image: 'x', securityContext: { privileged: true }, ports: [{ containerPort: 1, hostPort: 80 }] },
  ],
};
const RISKS =
  'host namespaces (hostPID=true), hostPath volumes (volume "v"), privileged (containers "a", "b" must not set securityContext.privileged=true), ';
const CAPABLE = 'non-default capabilities (container "a" must not include "SYS_ADMIN" in securityContext.capabilities.add)';

it('enforces baseline where nothing is said, but for hostPort', () => {
  expect(violation('enforce', namespace({}), risky)).toBe(
    `violates PodSecurity "baseline:latest": ${RISKS}${CAPABLE}; label the namespace pod-security.kubernetes.io/enforce=privileged to allow it`,
  );
  expect(violation('warn', namespace({}), risky)).toBeUndefined();
  expect(
    violation('enforce', undefined, { containers: [risky.containers[1]!].map(({ securityContext: _none, ...rest }) => rest) }),
  ).toBeUndefined();
});

it('does what the labels say', () => {
  expect(violation('enforce', namespace({ enforce: 'privileged' }), risky)).toBeUndefined();
  const baseline = violation('enforce', namespace({ enforce: 'baseline', 'enforce-version': 'v1.30' }), risky);
  expect(baseline).toBe(`violates PodSecurity "baseline:v1.30": ${RISKS}hostPort (container "b" uses hostPort 80), ${CAPABLE}`);
  const plain: PodSpec = { containers: [{ name: 'a', image: 'x' }] };
  expect(violation('warn', namespace({ warn: 'restricted' }), plain)).toBe(
    'would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), ' +
      'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), ' +
      'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), ' +
      'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  );
  const strict: PodSpec = {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [{ name: 'a', image: 'x', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
  };
  expect(violation('enforce', namespace({ enforce: 'restricted' }), strict)).toBeUndefined();
});
