import { describe, expect, it } from 'vitest';
import { crashDelay, crashDelayOfAttempt, goDuration, nextCrashDelay } from '../../../daemon/core/reconcile/backoff.ts';
import { expand, fieldOf } from '../../../daemon/core/reconcile/environment.ts';
import { isImageName, pullPolicyOf } from '../../../daemon/core/reconcile/images.ts';
import { nodeStatus } from '../../../daemon/core/reconcile/node-status.ts';
import { qosClass } from '../../../daemon/core/reconcile/qos.ts';
import type { Pod } from '../../../protocol/types.ts';
import { NODE_FACTS } from '../../support/agent-world.ts';

describe('image names', () => {
  it('are told from what is none', () => {
    const good = ['nginx', 'nginx:1.9', 'localhost:5000/a/b_c:latest', 'reg.example.com/x@sha256:' + 'a'.repeat(64), 'kith.dev/hello:1'];
    const bad = ['', 'Nginx', 'a b', 'nginx:', 'a//b', '-a', 'nginx:' + 'x'.repeat(129)];
    expect(good.filter((name) => !isImageName(name))).toEqual([]);
    expect(bad.filter(isImageName)).toEqual([]);
  });

  it('give the pull policy when the spec does not', () => {
    const policy = (image: string) => pullPolicyOf({ name: 'c', image });
    expect(['nginx', 'nginx:latest', 'reg:5000/nginx'].map(policy)).toEqual(['Always', 'Always', 'Always']);
    expect(['nginx:1.9', 'nginx@sha256:0'].map(policy)).toEqual(['IfNotPresent', 'IfNotPresent']);
  });
});

describe('quality of service', () => {
  const of = (requests?: Record<string, string>, limits?: Record<string, string>) =>
    qosClass({ containers: [{ name: 'c', resources: { requests, limits } }] });

  it('is Kubernetes own', () => {
    expect(of()).toBe('BestEffort');
    expect(of({ cpu: '1' })).toBe('Burstable');
    expect(of({ cpu: '1000m', memory: '1Gi' }, { cpu: '1', memory: '1024Mi' })).toBe('Guaranteed');
    expect(of(undefined, { cpu: '1', memory: '1Gi' })).toBe('Guaranteed');
    expect(of({ cpu: '500m' }, { cpu: '1', memory: '1Gi' })).toBe('Burstable');
  });
});

describe('crash back-off', () => {
  it('doubles to five minutes, and begins anew after a long run', () => {
    expect(crashDelay(undefined, 0)).toBe(0);
    let delay: number | undefined;
    const delays: number[] = [];
    for (let restart = 0; restart < 7; restart += 1) {
      delay = nextCrashDelay(delay, 1_000);
      delays.push(delay);
    }
    expect(delays).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    expect(crashDelay(300_000, 600_000)).toBe(0);
    expect(nextCrashDelay(300_000, 600_000)).toBe(10_000);
  });

  it('is read off the attempts after a restart of the daemon', () => {
    expect([0, 1, 2, 3, 20].map((attempt) => crashDelayOfAttempt(attempt, 1_000))).toEqual([undefined, 10_000, 20_000, 40_000, 300_000]);
    expect(crashDelayOfAttempt(20, 600_000)).toBe(10_000);
  });

  it('is written as Go writes durations', () => {
    expect([10_000, 80_000, 300_000].map(goDuration)).toEqual(['10s', '1m20s', '5m0s']);
    expect([0, 326.6, 999.7, 1_500, 61_001].map(goDuration)).toEqual(['0s', '327ms', '1s', '1.5s', '1m1.001s']);
  });
});

describe('the environment', () => {
  it('expands variables as Kubernetes does', () => {
    const env = { A: '1', EMPTY: '' };
    expect(expand('$(A)-$(EMPTY)-$(B)-$$(A)-$A-$', env)).toBe('1--$(B)-$(A)-$A-$');
    expect(expand('$(constructor)', env)).toBe('$(constructor)');
  });

  it('knows labels and annotations one by one', () => {
    const metadata = { name: 'web', uid: 'u', creationTimestamp: '', labels: { 'app.kubernetes.io/name': 'x' } };
    const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } };
    const facts = { nodeName: 'n', hostIP: 'h', podIP: 'p', allocatable: {} };
    expect(fieldOf(pod, "metadata.labels['app.kubernetes.io/name']", facts)).toBe('x');
    expect(fieldOf(pod, "metadata.annotations['none']", facts)).toBe('');
    expect(fieldOf(pod, 'spec.containers', facts)).toBeUndefined();
  });
});

describe('node status', () => {
  it('stays the same value while nothing changes, and keeps the times of what did not', () => {
    const now = { wall: Date.UTC(2026, 0, 1), monotonic: 0 };
    const later = { wall: now.wall + 60_000, monotonic: 60_000 };
    const up = nodeStatus(NODE_FACTS, { is: 'up', version: 'docker://20.10.24' }, undefined, now);
    expect(nodeStatus(NODE_FACTS, { is: 'up', version: 'docker://20.10.24' }, up, later)).toBe(up);
    const away = nodeStatus(NODE_FACTS, { is: 'away', message: 'no socket' }, up, later);
    const times = away.conditions!.map((condition) => [condition.type, condition.status, condition.lastTransitionTime]);
    expect(times).toContainEqual(['Ready', 'False', '2026-01-01T00:01:00Z']);
    expect(times).toContainEqual(['DiskPressure', 'False', '2026-01-01T00:00:00Z']);
  });
});
