import { describe, expect, it } from 'vitest';
import { cronJobStatus } from '../../../../daemon/core/status/cron-job-status.ts';
import type { DesiredObject, StoredObject } from '../../../../protocol/objects.ts';
import { formatTime } from '../../../../protocol/values/time.ts';
import { ClusterWorld, container, EPOCH_MS, worldOf } from '../../../support/cluster-view.ts';

const CRON = 'cronjobs.batch/default/tick';
const MINUTE_MS = 60_000;
const FIRST_MINUTE = EPOCH_MS / MINUTE_MS;

function cronJob(spec: Record<string, unknown> = {}): StoredObject {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'tick', namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
    spec: {
      schedule: '*/5 * * * *',
      concurrencyPolicy: 'Allow',
      suspend: false,
      jobTemplate: {
        metadata: { labels: { app: 'tick' } },
        spec: { template: { spec: { restartPolicy: 'Never', containers: [container()] } } },
      },
      ...spec,
    },
  };
}

function worldWith(spec?: Record<string, unknown>): ClusterWorld {
  const world = worldOf(1);
  world.create(cronJob(spec));
  world.decide();
  return world;
}

function jobs(world: ClusterWorld): string[] {
  return world.state.list('jobs.batch').map(({ object }) => object.metadata.name);
}

/** Moves the time minute by minute; with `ends`, each Job ends at once. */
function pass(world: ClusterWorld, minutes: number, ends?: 'Complete' | 'Failed'): void {
  for (let minute = 0; minute < minutes; minute += 1) {
    world.elapsed += MINUTE_MS;
    world.decide();
    for (const job of world.state.list('jobs.batch')) if (ends !== undefined) finish(world, job, ends);
    world.decide();
  }
}

function finish(world: ClusterWorld, job: DesiredObject, end: string): void {
  if (job.object.kith?.facts?.job !== undefined) return;
  world.edit(job.key, (draft) => {
    draft.kith = { ...draft.kith, facts: { job: { end, endedAt: formatTime(world.now.wall) } } };
  });
}

function suspend(world: ClusterWorld, value: boolean): void {
  world.edit(CRON, (draft) => (draft.spec = { ...(draft.spec as object), suspend: value }));
}

describe('the controller of CronJobs', () => {
  it('makes a Job when one is due, named by its minute', () => {
    const world = worldWith();
    expect(jobs(world)).toEqual([]);
    pass(world, 4);
    expect(jobs(world)).toEqual([]);
    pass(world, 1);
    expect(jobs(world)).toEqual([`tick-${FIRST_MINUTE + 5}`]);
    expect(world.object(`jobs.batch/default/tick-${FIRST_MINUTE + 5}`).object).toMatchObject({
      metadata: {
        labels: { app: 'tick' },
        annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:05:00Z' },
        ownerReferences: [{ kind: 'CronJob', name: 'tick', controller: true }],
      },
      spec: { completions: 1, parallelism: 1, backoffLimit: 6, completionMode: 'NonIndexed' },
    });
    expect(cronJobStatus(world.state, world.object(CRON))).toMatchObject({
      lastScheduleTime: '2026-01-01T00:05:00Z',
      active: [{ kind: 'Job', name: `tick-${FIRST_MINUTE + 5}` }],
    });
    expect(world.events('SuccessfulCreate')).toContain(`Created job tick-${FIRST_MINUTE + 5}`);
  });

  it('tells when one of its Jobs has ended, and how', () => {
    const world = worldWith();
    pass(world, 5);
    world.converge();
    const [pod] = world.pods();
    world.edit(pod!.key, (draft) => {
      draft.kith = { ...draft.kith, outcome: { phase: 'Succeeded', node: 'node-1', finishedAt: formatTime(world.now.wall) } };
    });
    world.converge();
    expect(world.events('SawCompletedJob')).toEqual([`Saw completed job: tick-${FIRST_MINUTE + 5}, condition: Complete`]);
  });

  it('makes one run for all that were missed', () => {
    const world = worldWith();
    world.elapsed += 62 * MINUTE_MS;
    world.decide();
    expect(jobs(world)).toEqual([`tick-${FIRST_MINUTE + 60}`]);
  });

  it('leaves out what is later than its deadline', () => {
    const world = worldWith({ startingDeadlineSeconds: 30 });
    world.elapsed += 6 * MINUTE_MS;
    world.decide();
    expect(jobs(world)).toEqual([]);
    expect(world.events('MissSchedule')).toEqual(['Missed scheduled time to start a job: Thu, 01 Jan 2026 00:05:00 +0000']);
    world.elapsed += 4 * MINUTE_MS + 20_000;
    world.decide();
    expect(jobs(world)).toEqual([`tick-${FIRST_MINUTE + 10}`]);
  });

  it('warns of many missed times, and makes up for the last of them alone', () => {
    const world = worldWith({ schedule: '* * * * *' });
    world.elapsed += 101 * MINUTE_MS;
    world.decide();
    expect(jobs(world)).toEqual([`tick-${FIRST_MINUTE + 101}`]);
    const told = (): string[] => world.events('TooManyMissedTimes');
    expect(told()).toEqual(['too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew']);
    // A hundred are not yet many, and a deadline bounds how many are looked at.
    pass(world, 1, 'Complete');
    world.elapsed += 100 * MINUTE_MS;
    world.decide();
    world.edit(CRON, (draft) => (draft.spec = { ...(draft.spec as object), startingDeadlineSeconds: 600 }));
    world.elapsed += 200 * MINUTE_MS;
    world.decide();
    expect(told()).toHaveLength(1);
  });

  it('does nothing while it is suspended', () => {
    const world = worldWith({ suspend: true });
    pass(world, 6);
    expect(jobs(world)).toEqual([]);
    suspend(world, false);
    pass(world, 1);
    expect(jobs(world)).toHaveLength(1);
  });

  it.each([
    ['Forbid', [5]],
    ['Replace', [10]],
    ['Allow', [5, 10]],
  ] as const)('with the policy %s, of two runs that do not end there are those of minutes %j', (concurrencyPolicy, minutes) => {
    const world = worldWith({ concurrencyPolicy });
    pass(world, 10);
    expect(jobs(world)).toEqual(minutes.map((minute) => `tick-${FIRST_MINUTE + minute}`));
    const told = world.events('JobAlreadyActive')[0] ?? '';
    expect(told).toBe(
      concurrencyPolicy === 'Forbid' ? 'Not starting job because prior execution is running and concurrency policy is Forbid' : '',
    );
  });

  it('keeps as many ended Jobs as its history has room for, and remembers its last success', () => {
    const world = worldWith({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 0 });
    pass(world, 21, 'Complete');
    expect(jobs(world)).toEqual([15, 20].map((minute) => `tick-${FIRST_MINUTE + minute}`));
    world.edit(CRON, (draft) => (draft.spec = { ...(draft.spec as object), successfulJobsHistoryLimit: 0 }));
    pass(world, 9, 'Failed');
    expect(jobs(world)).toEqual([]);
    expect(cronJobStatus(world.state, world.object(CRON)).lastSuccessfulTime).toBe('2026-01-01T00:20:00Z');
  });

  it('does not fire again for a leader that does not know that it fired', () => {
    const world = worldWith();
    const before = world.desired.copy();
    pass(world, 5, 'Complete');
    const [key = ''] = world.state.list('jobs.batch').map((job) => job.key);
    // The Job came there, and is gone again; the note on the CronJob did not come.
    before.buried.set(key, 1);
    const other = new ClusterWorld(['node-1'], 'node-1', before);
    other.elapsed = world.elapsed;
    other.decide();
    expect(jobs(other)).toEqual([]);
    expect(cronJobStatus(other.state, other.object(CRON)).lastScheduleTime).toBe('2026-01-01T00:05:00Z');
  });
});
