import { describe, expect, it } from 'vitest';
import { type UsageSample, usageBetween } from '../../../daemon/core/reconcile/usage-rates.ts';
import { EPOCH_MS } from '../../support/cluster-view.ts';

type Row = readonly [container: string, id: string, cpuSeconds: number];

function sample(atMs: number, hostSeconds: number, pods: Readonly<Record<string, readonly Row[]>>): UsageSample {
  return {
    at: { wall: EPOCH_MS + atMs, monotonic: atMs },
    usage: {
      host: { cpuNanos: hostSeconds * 1e9, memoryBytes: 100 },
      pods: Object.entries(pods).map(([uid, rows]) => ({
        uid,
        containers: rows.map(([name, id, seconds]) => ({ name, id, cpuNanos: seconds * 1e9, memoryBytes: 7 })),
      })),
    },
  };
}

describe('what is used between two samples', () => {
  it('is a rate of CPU and the memory at the end, of those that were there all the while', () => {
    const before = sample(0, 10, { a: [['main', '1', 1]], restarted: [['main', '1', 9]], left: [['main', '1', 1]] });
    const after = sample(15_000, 40, { a: [['main', '1', 4.75]], restarted: [['main', '2', 1]], came: [['main', '1', 1]] });
    expect(usageBetween(before, after, 10)).toEqual({
      kind: 'usage',
      at: '2026-01-01T00:00:15Z',
      windowMs: 15_000,
      node: { cpuMillis: 2_000, memoryBytes: 100 },
      pods: [{ uid: 'a', containers: [{ name: 'main', cpuMillis: 250, memoryBytes: 7 }] }],
    });
  });

  it('never is less than nothing, and tells of so many containers only', () => {
    const rows: Record<string, readonly Row[]> = { a: [['main', '1', 2]], b: [['main', '1', 0]] };
    const report = usageBetween(sample(0, 2, rows), sample(1_000, 1, { a: [['main', '1', 1]], b: [['main', '1', 1]] }), 1);
    expect(report.node.cpuMillis).toBe(0);
    expect(report.pods).toEqual([{ uid: 'a', containers: [{ name: 'main', cpuMillis: 0, memoryBytes: 7 }] }]);
  });
});
