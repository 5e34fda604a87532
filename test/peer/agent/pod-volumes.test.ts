import { expect, it } from 'vitest';
import { PodVolumes } from '../../../daemon/peer/agent/pod-volumes.ts';
import { NO_CONFIG } from '../../../daemon/core/reconcile/config-source.ts';
import { podObject } from '../../support/cluster-view.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { MemoryVolumes } from '../../support/memory-volumes.ts';
import { silentLog } from '../../support/silent-log.ts';

const fieldRef = { fieldPath: "metadata.annotations['kith.dev/fencing-token']" };
const volume = { name: 'pod', downwardAPI: { items: [{ path: 'token', fieldRef }] } };
const pod = podObject('solo', { containers: [], volumes: [volume] }, { metadata: { uid: 'u1', annotations: { team: 'a' } } });
const subject = { pod, facts: { nodeName: '', hostIP: '', podIP: '', allocatable: {} }, config: NO_CONFIG };

it('a file of the downward API has the number of the lease under which its pod runs', async () => {
  const volumes = new MemoryVolumes();
  let token: number | undefined;
  const made = new PodVolumes({ volumes, clock: new VirtualClock(), log: silentLog, gate: { token: () => token } });
  await made.prepare(subject, new AbortController().signal);
  expect(volumes.files('u1', 'pod')).toEqual({ token: '' });
  token = 7;
  await made.mounts(subject, [], new AbortController().signal);
  expect(volumes.files('u1', 'pod')).toEqual({ token: '7' });
  // Started again in place, under another lease.
  token = 8;
  await made.refresh(pod, subject.facts, subject.config, new AbortController().signal);
  expect(volumes.files('u1', 'pod')).toEqual({ token: '8' });
  const { writes } = volumes;
  await made.refresh(pod, subject.facts, subject.config, new AbortController().signal);
  expect(volumes.writes).toBe(writes);
});

it('what is being written as the pod is removed goes, too', async () => {
  const volumes = new MemoryVolumes();
  const made = new PodVolumes({ volumes, clock: new VirtualClock(), log: silentLog });
  const { signal } = new AbortController();
  await made.prepare(subject, signal);
  const written = Promise.withResolvers<void>();
  volumes.slow = () => written.promise;
  const changed = { ...pod, metadata: { ...pod.metadata, annotations: { team: 'b' } } };
  const refreshed = made.refresh(changed, subject.facts, subject.config, signal);
  const removed = made.remove('u1');
  written.resolve();
  await Promise.all([refreshed, removed]);
  expect(volumes.pods.size).toBe(0);
});
