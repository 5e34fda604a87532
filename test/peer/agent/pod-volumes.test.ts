import { expect, it } from 'vitest';
import { PodVolumes } from '../../../daemon/peer/agent/pod-volumes.ts';
import type { ConfigSource } from '../../../daemon/core/reconcile/config-source.ts';
import type { Pod } from '../../../protocol/types.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { MemoryVolumes } from '../../support/memory-volumes.ts';
import { silentLog } from '../../support/silent-log.ts';

const fieldRef = { fieldPath: "metadata.annotations['kith.dev/fencing-token']" };
const pod = {
  metadata: { name: 'solo', uid: 'u1', annotations: { team: 'a' } },
  spec: { containers: [], volumes: [{ name: 'pod', downwardAPI: { items: [{ path: 'token', fieldRef }] } }] },
} as unknown as Pod;
const subject = { pod, facts: { nodeName: '', hostIP: '', podIP: '', allocatable: {} }, config: {} as ConfigSource };

it('a file of the downward API has the number of the lease under which its pod runs', async () => {
  const volumes = new MemoryVolumes();
  let token: number | undefined;
  const made = new PodVolumes({ volumes, clock: new VirtualClock(), log: silentLog, gate: { token: () => token } });
  await made.prepare(subject, new AbortController().signal);
  expect(volumes.files('u1', 'pod')).toEqual({ token: '' });
  token = 7;
  await made.mounts(subject, []);
  expect(volumes.files('u1', 'pod')).toEqual({ token: '7' });
  // Started again in place, under another lease.
  token = 8;
  await made.refresh(pod, subject.facts, subject.config, new AbortController().signal);
  expect(volumes.files('u1', 'pod')).toEqual({ token: '8' });
  const { writes } = volumes;
  await made.refresh(pod, subject.facts, subject.config, new AbortController().signal);
  expect(volumes.writes).toBe(writes);
});
