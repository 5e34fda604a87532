import { describe, expect, it } from 'vitest';
import { podStatus, type PodStatusInput } from '../../../daemon/core/reconcile/pod-status.ts';
import type { Pod } from '../../../protocol/types.ts';

const now = { monotonic: 5_000, wall: Date.parse('2026-01-01T00:01:00Z') };
const at = '2026-01-01T00:00:00Z';
const metadata = { name: 'told', namespace: 'default', uid: 'u', creationTimestamp: at };
const outcome = { phase: 'Succeeded' as const, node: 'n', finishedAt: at };

function statusOf(pod: Partial<Pod>, previous: PodStatusInput['previous']): ReturnType<typeof podStatus> {
  const whole = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] }, ...pod } as unknown as Pod;
  const standings = { init: [], main: [], added: [] };
  return podStatus({ pod: whole, listed: undefined, standings, initialized: true, startTime: at, hostIP: '10.0.0.1', previous }, now);
}

describe('a pod that has ended', () => {
  it('keeps its address when its sandbox is gone', () => {
    const status = statusOf({ kith: { outcome } }, { phase: 'Running', podIP: '10.42.0.7', podIPs: [{ ip: '10.42.0.7' }] });
    expect(status).toMatchObject({ phase: 'Succeeded', podIP: '10.42.0.7', podIPs: [{ ip: '10.42.0.7' }] });
  });

  it('has none if it never had one', () => {
    expect(statusOf({ kith: { outcome } }, undefined)).not.toHaveProperty('podIP');
  });
});
