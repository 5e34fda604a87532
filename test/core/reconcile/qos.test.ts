import { describe, expect, it } from 'vitest';
import { oomScoreAdj } from '../../../daemon/core/reconcile/qos.ts';
import type { Container, PodSpec } from '../../../protocol/types.ts';

const asking = (name: string, memory: string | undefined, limit?: string): Container => ({
  name,
  resources: {
    ...(memory === undefined ? {} : { requests: { memory } }),
    ...(limit === undefined ? {} : { limits: { memory: limit, cpu: '1' } }),
  },
});
const score = (container: Container, spec: Partial<PodSpec> = {}): number | undefined =>
  oomScoreAdj({ containers: [container], ...spec }, container, '4Gi');

describe('what the kernel ends first when there is no memory left', () => {
  it('is what asked for none, and never what is guaranteed all it may take', () => {
    expect(score(asking('a', undefined))).toBe(1000);
    expect(score(asking('a', undefined, '1Gi'))).toBe(-997);
    expect(score(asking('a', undefined), { priorityClassName: 'system-node-critical' })).toBe(-997);
  });

  it('is, of others, what asked for less of the node', () => {
    expect(score(asking('a', '1Gi'))).toBe(750);
    expect(score(asking('a', '1Ki'))).toBe(999);
    expect(score(asking('a', '4Gi'))).toBe(3);
    expect(score(asking('a', undefined), { containers: [asking('a', undefined), asking('b', '1Gi')] })).toBe(999);
  });

  it('is no sidecar before those that it is beside', () => {
    const sidecar: Container = { ...asking('side', '1Mi'), restartPolicy: 'Always' };
    const spec: PodSpec = { initContainers: [sidecar], containers: [asking('a', '1Gi'), asking('b', '2Gi')] };
    expect(oomScoreAdj(spec, sidecar, '4Gi')).toBe(750);
  });
});
