import type { CronJobStatus } from 'kubernetes-types/batch/v1.js';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { ClusterView } from '../cluster/view.ts';
import { isCronRun, lastScheduled, lastSuccess, runsOf } from '../controllers/cron/runs.ts';
import { jobFact } from '../controllers/jobs/facts.ts';

/** Status of a CronJob, derived from its Jobs and from what is remembered of it. */
export function cronJobStatus(view: ClusterView, owner: DesiredObject): CronJobStatus {
  const runs = runsOf(view, owner);
  const active = runs.filter((run) => isCronRun(run) && jobFact(run.object).end === undefined);
  const [lastScheduleTime, lastSuccessfulTime] = [lastScheduled(owner), lastSuccess(owner, runs)];
  return {
    ...(active.length === 0
      ? {}
      : {
          active: active.map(({ object, uid }) => {
            const { name, namespace } = object.metadata;
            return { kind: 'Job', namespace, name, uid, apiVersion: 'batch/v1' };
          }),
        }),
    ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
    ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
  };
}
