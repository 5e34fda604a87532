import { expect, it } from 'vitest';
import { accountOf, withAccountVolume } from '../../../daemon/core/accounts/account-volume.ts';
import { type ConfigSource, NO_CONFIG } from '../../../daemon/core/reconcile/config-source.ts';
import { PodVolumes } from '../../../daemon/peer/agent/pod-volumes.ts';
import type { AccountTokens } from '../../../daemon/ports/account-tokens.ts';
import type { Pod, PodSpec } from '../../../protocol/types.ts';
import { MemoryVolumes } from '../../support/memory-volumes.ts';
import { silentLog } from '../../support/silent-log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const facts = { nodeName: 'n', hostIP: '', podIP: '', allocatable: {} };
const account = { uid: 'a-1', automount: undefined };
const podOf = (spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'dev', uid: 'p-1', creationTimestamp: '' },
  spec: { containers: [{ name: 'main', image: 'x' }], ...spec },
});
const mountsOf = (pod: Pod): (string | undefined)[] => pod.spec.containers.map(({ volumeMounts }) => volumeMounts?.[0]?.mountPath);

it('a pod has the credentials of its account, unless it or the account says otherwise', () => {
  expect(mountsOf(withAccountVolume(podOf(), account))).toEqual([PATH]);
  expect(withAccountVolume(podOf({ automountServiceAccountToken: false }), account).spec.volumes).toBeUndefined();
  const silent = { ...account, automount: false };
  expect(withAccountVolume(podOf(), silent).spec.volumes).toBeUndefined();
  expect(mountsOf(withAccountVolume(podOf({ automountServiceAccountToken: true }), silent))).toEqual([PATH]);
  // Of a namespace that has no default account yet nothing is to be had, and nothing is waited for; of another account something is.
  expect(withAccountVolume(podOf(), undefined).spec.volumes).toBeUndefined();
  expect(mountsOf(withAccountVolume(podOf({ serviceAccountName: 'ci' }), undefined))).toEqual([PATH]);
  const own = podOf({ containers: [{ name: 'main', image: 'x', volumeMounts: [{ name: 'mine', mountPath: PATH }] }] });
  expect(withAccountVolume(own, account)).toBe(own);
  expect(accountOf(own.spec)).toBe('default');
});

it('the files of a pod’s account are written once, and its token anew before it ends', async () => {
  const clock = new VirtualClock();
  const volumes = new MemoryVolumes();
  let number = 0;
  const accounts: AccountTokens = {
    caCertificate: 'the CA',
    issue: ({ pod, account: { name }, audiences, lifetimeMs }) => ({
      token: `${(number += 1)} ${pod.uid} ${name} ${audiences.join()} ${lifetimeMs}`,
      expiresAt: clock.now() + lifetimeMs,
    }),
  };
  const config: ConfigSource = { ...NO_CONFIG, account: (name) => (name === 'default' ? account : undefined) };
  const made = new PodVolumes({ volumes, clock, log: silentLog, accounts });
  const pod = withAccountVolume(podOf(), account);
  const { signal } = new AbortController();
  await made.prepare({ pod, facts, config }, signal);
  await made.mounts({ pod, facts, config }, [], new AbortController().signal);
  const files = { 'ca.crt': 'the CA', namespace: 'dev', token: '1 p-1 default  3607000' };
  expect(volumes.files('p-1', 'kube-api-access')).toEqual(files);
  const { writes } = volumes;
  await made.refresh(pod, facts, config, signal);
  expect(volumes.writes).toBe(writes);
  await clock.pass(made.refreshAt('p-1') - clock.monotonic() - 1);
  await made.refresh(pod, facts, config, signal);
  expect(volumes.writes).toBe(writes);
  await clock.pass(1);
  expect(clock.monotonic()).toBeLessThan(3_607_000 * 0.81);
  await made.refresh(pod, facts, config, signal);
  expect(volumes.files('p-1', 'kube-api-access')).toEqual({ ...files, token: '2 p-1 default  3607000' });
  const lost = withAccountVolume(podOf({ serviceAccountName: 'gone' }), undefined);
  await expect(made.prepare({ pod: lost, facts, config }, signal)).rejects.toThrow('serviceaccounts "gone" not found');
  await made.remove('p-1');
  expect(made.refreshAt('p-1')).toBe(Infinity);
});
