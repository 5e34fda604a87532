import { describe, expect, it } from 'vitest';
import { autoscalerStatus } from '../../../../daemon/core/status/autoscaler-status.ts';
import { planAutoscaler } from '../../../../daemon/core/controllers/autoscaling/autoscaler.ts';
import type { ScalingMemory } from '../../../../daemon/core/controllers/autoscaling/pace.ts';
import { apiVersionOf } from '../../../../protocol/kinds/kind.ts';
import { horizontalPodAutoscalerKind, horizontalPodAutoscalerV1Kind } from '../../../../protocol/kinds/stored/autoscaling.ts';
import type { KubeObject, ObjectKey } from '../../../../protocol/objects.ts';
import type { HorizontalPodAutoscalerSpec, MetricSpec } from '../../../../protocol/types.ts';
import { formatTime } from '../../../../protocol/values/time.ts';
import { type ClusterWorld, container, deploymentObject, EPOCH_MS, readyStatus, worldOf } from '../../../support/cluster-view.ts';

const KEY: ObjectKey = 'horizontalpodautoscalers.autoscaling/default/web';
const WEB: ObjectKey = 'deployments.apps/default/web';
const cpu = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const memory = (averageValue: string): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'memory', target: { type: 'AverageValue', averageValue } },
});

/** Two nodes, and pods that ask for 200m each; the leader's memory is kept. */
class Load {
  readonly world: ClusterWorld = worldOf(2);
  private memory: ScalingMemory = new Map();

  constructor(replicas: number, spec: Partial<HorizontalPodAutoscalerSpec> = {}, requests: Record<string, string> = { cpu: '200m' }) {
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { restartPolicy: 'Always', containers: [container(requests)] },
    } as const;
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
    this.world.create(deploymentObject('web', replicas, { template: structuredClone(template) as never }), {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web', namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
      spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 10, metrics: [cpu(50)], ...spec },
    });
    this.settle();
  }

  settle(): void {
    this.world.converge({ quietMs: 1_000 });
  }

  /** Each pod uses so much; `undefined` for what is not known. Pods are in the order of their names. */
  use(...amounts: readonly (number | undefined)[]): void {
    const pods = this.world.pods().sort((left, right) => (left.key < right.key ? -1 : 1));
    const bytes = (amount: number) => amount * 1_048_576;
    for (const node of ['node-1', 'node-2']) {
      this.world.observe(node, 'usage', {
        kind: 'usage',
        at: formatTime(this.world.now.wall),
        windowMs: 15_000,
        node: { cpuMillis: 100, memoryBytes: 1 },
        pods: pods.flatMap((pod, index) => {
          const amount = amounts[index] ?? (amounts.length === 1 ? amounts[0] : undefined);
          if (pod.object.kith?.binding?.node !== node || amount === undefined) return [];
          return [{ uid: pod.uid, containers: [{ name: 'main', cpuMillis: amount, memoryBytes: bytes(amount) }] }];
        }),
      });
    }
  }

  /** One look of the leader. */
  look(afterMs = 15_000): number {
    this.world.elapsed += afterMs;
    for (const decision of planAutoscaler(this.world.state, KEY, this.world.now, this.memory)) {
      if (decision.do === 'write') this.world.write(decision.mutations);
      if (decision.do === 'event') this.told.push(`${decision.event.reason}: ${decision.event.message}`);
    }
    return (this.world.object(WEB).object.spec as { replicas: number }).replicas;
  }

  readonly told: string[] = [];

  changeLeader(): void {
    this.memory = new Map();
  }

  get status() {
    return autoscalerStatus(this.world.state, this.world.object(KEY), this.world.now.wall);
  }

  get reasons(): (string | undefined)[] {
    return (this.status.conditions ?? []).map(({ reason }) => reason);
  }

  /** Pods are past what they use at their start. */
  warm(): this {
    this.world.elapsed += 400_000;
    return this;
  }
}

describe('by the use of CPU', () => {
  it('has as many pods as bring it to the target, and says why', () => {
    const load = new Load(2).warm();
    load.use(200);
    expect(load.reasons).toEqual(['ScaleUpStabilized', 'ValidMetricFound', 'DesiredWithinRange']);
    expect(load.look()).toBe(4);
    expect(load.told).toEqual(['SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target']);
    expect(load.status.currentMetrics).toEqual([
      { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 100, averageValue: '200m' } } },
    ]);
    const shown = { ...load.world.object(KEY).object, status: load.status } as unknown as KubeObject;
    const cell = (kind: typeof horizontalPodAutoscalerKind, object: KubeObject) =>
      kind.columns.find(({ name }) => name === 'Targets')?.cell(object, 0);
    expect(cell(horizontalPodAutoscalerKind, shown)).toBe('cpu: 100%/50%');
    const older = horizontalPodAutoscalerV1Kind.storedAs?.from(shown) as KubeObject;
    expect(older).toMatchObject({
      apiVersion: apiVersionOf(horizontalPodAutoscalerV1Kind),
      status: { currentCPUUtilizationPercentage: 100 },
    });
    expect(cell(horizontalPodAutoscalerV1Kind, older)).toBe('cpu: 100%/50%');
  });

  it('leaves what is near the target alone', () => {
    const load = new Load(4).warm();
    load.use(109);
    expect(load.look()).toBe(4);
    load.use(111);
    expect(load.look()).toBe(5);
  });

  it('takes pods whose use is not known for idle when there would be more, and for busy when there would be fewer', () => {
    const more = new Load(4).warm();
    more.use(150, 150, undefined, undefined);
    expect(more.look()).toBe(4);
    const fewer = new Load(4).warm();
    fewer.use(20, 20, undefined, undefined);
    expect(fewer.look(400_000)).toBe(4);
  });

  it('does not count what a pod uses at its start', () => {
    const load = new Load(2);
    for (const pod of load.world.pods()) load.world.reportPod(pod.key, readyStatus(load.world.now.wall));
    load.use(900);
    expect(load.look(1_000)).toBe(2);
    expect(load.reasons).toContain('FailedGetResourceMetric');
    expect(load.status.conditions?.at(-1)?.message).toContain('pods might be unready');
  });

  it('says which container has no request', () => {
    const load = new Load(2, {}, { memory: '1Mi' }).warm();
    load.use(900);
    expect(load.look()).toBe(2);
    expect(load.told[0]).toMatch(
      /^FailedGetResourceMetric: failed to get cpu utilization: missing request for cpu in container main of Pod web-/,
    );
  });

  it('stays within its bounds and tells so', () => {
    const load = new Load(2, { maxReplicas: 3 }).warm();
    load.use(200);
    expect(load.look()).toBe(3);
    expect(load.reasons).toContain('TooManyReplicas');
  });

  it('knows nothing of pods of a dead node', () => {
    const load = new Load(2).warm();
    load.use(200);
    load.world.setMember('node-2', 'dead');
    // With what the other one last said of itself there would be four.
    expect(load.look()).toBe(2);
  });
});

describe('several metrics', () => {
  it('have as many pods as the one that asks for most', () => {
    const load = new Load(2, { metrics: [cpu(50), memory('40Mi')] }).warm();
    load.use(100);
    expect(load.look()).toBe(5);
    expect(load.told[0]).toBe('SuccessfulRescale: New size: 5; reason: memory resource above target');
  });

  it('do not make fewer pods while one of them says nothing', () => {
    const external: MetricSpec = { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '3' } } };
    const load = new Load(4, { metrics: [cpu(50), external] }).warm();
    load.use(10);
    load.look();
    expect(load.look(400_000)).toBe(4);
    expect(load.told[0]).toMatch(/^FailedGetExternalMetric: unable to get metric queue/);
  });
});

describe('the pace', () => {
  it('waits five minutes with fewer pods, also with a new leader', () => {
    const load = new Load(6).warm();
    load.use(10);
    expect(load.look()).toBe(6);
    expect(load.reasons[0]).toBe('ScaleDownStabilized');
    expect(load.look(290_000)).toBe(6);
    load.changeLeader();
    expect(load.look()).toBe(6);
    expect(load.look(290_000)).toBe(6);
    expect(load.look(15_000)).toBe(1);
    expect(load.told).toEqual(['SuccessfulRescale: New size: 1; reason: All metrics below target']);
  });

  it('doubles at most, or adds four, in a quarter of a minute', () => {
    const load = new Load(1, { maxReplicas: 100, metrics: [cpu(1)] }).warm();
    load.use(200);
    expect(load.look()).toBe(5);
    expect(load.look(1_000)).toBe(5);
    expect(load.look(15_000)).toBe(10);
  });

  it('is as the behaviour says', () => {
    const onePod = { policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] };
    const load = new Load(4, { behavior: { scaleUp: onePod, scaleDown: { ...onePod, stabilizationWindowSeconds: 0 } } }).warm();
    load.use(200);
    expect(load.look()).toBe(5);
    expect(load.look()).toBe(5);
    expect(load.look(60_000)).toBe(6);
    load.use(1);
    expect(load.look(60_000)).toBe(5);
    expect(load.look(60_000)).toBe(4);
    const never = new Load(4, { behavior: { scaleDown: { selectPolicy: 'Disabled', stabilizationWindowSeconds: 0 } } }).warm();
    never.use(1);
    expect(never.look()).toBe(4);
  });
});
