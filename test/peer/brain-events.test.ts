import { afterEach, describe, expect, it } from 'vitest';
import { Brain, BRAIN_LIMITS } from '../../daemon/peer/brain.ts';
import type { EventDraft } from '../../daemon/core/decisions.ts';
import { EVENT_LIMITS } from '../../daemon/core/events/limits.ts';
import type { ObjectKey, StoredObject } from '../../protocol/objects.ts';
import { formatTime } from '../../protocol/values/time.ts';
import { type ClusterWorld, container, deploymentObject, EPOCH_MS, worldOf } from '../support/cluster-view.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const AUTOSCALER: ObjectKey = 'horizontalpodautoscalers.autoscaling/default/web';
const CRON: ObjectKey = 'cronjobs.batch/default/tick';

function object(apiVersion: string, kind: string, name: string, spec: object, creationTimestamp = formatTime(EPOCH_MS)): StoredObject {
  return { apiVersion, kind, metadata: { name, namespace: 'default', uid: '', creationTimestamp }, spec: { ...spec } };
}

function autoscaler(): StoredObject {
  return object('autoscaling/v2', 'HorizontalPodAutoscaler', 'web', {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    minReplicas: 1,
    maxReplicas: 6,
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
  });
}

describe('what lasts is told once, however often it is looked at', () => {
  let brain: Brain | undefined;
  let clock: VirtualClock;
  afterEach(() => brain?.stop());

  /** Looks at one object again and again. @returns what was told */
  async function told(world: ClusterWorld, key: ObjectKey): Promise<(reason: string) => string[]> {
    clock = new VirtualClock({ msPerTurn: 100 });
    const events: EventDraft[] = [];
    brain = new Brain({
      view: world.state,
      write: async (mutations) => {
        world.elapsed = clock.monotonic();
        brain?.touch(world.state.applyDesired(world.desired.write(mutations), clock.monotonic()));
      },
      record: (event) => events.push(event),
      clock,
      log: silentLog,
    });
    await brain.start();
    for (let look = 0; look < 20; look += 1) {
      brain.touch([key]);
      await clock.pass(100);
    }
    return (reason) => events.filter((event) => event.reason === reason).map(({ message }) => message);
  }

  it('that no metric of an autoscaler can be had', async () => {
    const world = worldOf(1);
    world.create(deploymentObject('web', 1), autoscaler());
    const messages = await told(world, AUTOSCALER);
    for (const reason of ['FailedGetResourceMetric', 'FailedComputeMetricsReplicas']) {
      expect(messages(reason)).not.toEqual([]);
      expect(messages(reason)).toEqual([...new Set(messages(reason))]);
    }
  });

  it('that it was too late to start a Job', async () => {
    const world = worldOf(1);
    const spec = { schedule: '* * * * *', startingDeadlineSeconds: 1, jobTemplate: { spec: { template: { spec: { containers: [] } } } } };
    world.create(object('batch/v1', 'CronJob', 'tick', spec, formatTime(EPOCH_MS - 3_600_000 + 30_000)));
    world.elapsed = 30_000;
    const messages = await told(world, CRON);
    expect(messages('MissSchedule')).toHaveLength(1);
  });

  it('that pods of a StatefulSet may not start, whichever of them', async () => {
    const world = worldOf(3);
    world.setMember('node-2', 'dead');
    world.setMember('node-3', 'dead');
    const selector = { matchLabels: { app: 'db' } };
    const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [container()] } };
    world.create(object('apps/v1', 'StatefulSet', 'db', { replicas: 3, selector, template, podManagementPolicy: 'Parallel' }));
    const messages = await told(world, 'statefulsets.apps/default/db');
    expect(messages('WaitingForMajority')).toHaveLength(1);
    expect(BRAIN_LIMITS.toldAgainMs + BRAIN_LIMITS.resyncMs).toBeLessThan(EVENT_LIMITS.ttlMs);
    await clock.pass(BRAIN_LIMITS.toldAgainMs + BRAIN_LIMITS.resyncMs);
    expect(messages('WaitingForMajority'), 'before its Event is too old to be shown').toHaveLength(2);
  });
});
