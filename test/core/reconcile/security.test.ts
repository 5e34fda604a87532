import { expect, it } from 'vitest';
import { securityOf } from '../../../daemon/core/reconcile/security.ts';
import type { Container, Pod, PodSpec } from '../../../protocol/types.ts';
import { rootRefusal } from '../../../protocol/values/non-root.ts';

const of = (context: PodSpec['securityContext'], own?: Container['securityContext']) => {
  const container = { name: 'c', image: 'x', securityContext: own };
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u', creationTimestamp: '' },
    spec: { containers: [container], securityContext: context },
  };
  return securityOf(pod, container);
};

it('the settings of a container come before those of its pod', () => {
  expect(of(undefined)).toBeUndefined();
  expect(of({ runAsUser: 1, runAsGroup: 2, fsGroup: 3, supplementalGroups: [4] }, { runAsUser: 5, readOnlyRootFilesystem: true })).toEqual({
    runAsUser: 5,
    runAsGroup: 2,
    groups: [4, 3],
    readOnlyRoot: true,
  });
});

it('what takes powers away or gives some is passed on as it is said, the profile of a container before that of its pod', () => {
  const own: Container['securityContext'] = {
    privileged: true,
    allowPrivilegeEscalation: false,
    capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
    seccompProfile: { type: 'Unconfined' },
    appArmorProfile: { type: 'Localhost', localhostProfile: 'mine' },
  };
  const pod: PodSpec['securityContext'] = {
    seccompProfile: { type: 'RuntimeDefault' },
    sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
  };
  expect(of(pod, own)).toEqual({
    privileged: true,
    noNewPrivileges: true,
    addCapabilities: ['NET_ADMIN'],
    dropCapabilities: ['ALL'],
    seccomp: 'unconfined',
    appArmor: 'mine',
    sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' },
  });
  expect(of({ seccompProfile: { type: 'Unconfined' } }, { seccompProfile: { type: 'RuntimeDefault' } })).toBeUndefined();
  expect(of({ seccompProfile: { type: 'Unconfined' } }, { allowPrivilegeEscalation: true })).toEqual({ seccomp: 'unconfined' });
});

it('what must not run as root is refused in kubelet’s words', () => {
  const where = '(pod: "p_n(u)", container: c)';
  const why = (context: PodSpec['securityContext'], user: string) => rootRefusal(of(context)!, user);
  expect(why({ runAsNonRoot: true }, '')).toBe(`container has runAsNonRoot and image will run as root ${where}`);
  expect(why({ runAsNonRoot: true }, 'nginx')).toContain('image has non-numeric user (nginx), cannot verify user is non-root');
  expect(why({ runAsNonRoot: true }, '101:101')).toBeUndefined();
  expect(why({ runAsNonRoot: true, runAsUser: 0 }, '101')).toBe(`container's runAsUser breaks non-root policy ${where}`);
  expect(why({ runAsUser: 0 }, '')).toBeUndefined();
});
