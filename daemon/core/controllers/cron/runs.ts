import type { DesiredObject } from '../../../../protocol/objects.ts';
import { parseObjectKey } from '../../../../protocol/objects.ts';
import type { ClusterView } from '../../cluster/view.ts';
import { jobFact } from '../jobs/facts.ts';

/** What must be remembered of a CronJob: the newest run that was made, and the newest success of those that are cleared away. RFC 3339 both; the later wins a merge. */
export const LAST_SCHEDULED_FACT = 'lastScheduleTime';
export const LAST_SUCCESS_FACT = 'lastSuccessfulTime';
/** On a Job that the schedule made. Upstream's name. */
export const SCHEDULED_ANNOTATION = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

export function runsOf(view: ClusterView, owner: DesiredObject): readonly DesiredObject[] {
  return view.ownedBy(owner.uid).filter(({ key }) => parseObjectKey(key).resource === 'jobs.batch');
}

/** Made by the schedule, and not by a person (`kubectl create job --from`). */
export function isCronRun({ object }: DesiredObject): boolean {
  return object.metadata.annotations?.[SCHEDULED_ANNOTATION] !== undefined;
}

export function lastScheduled(owner: DesiredObject): string | undefined {
  return textFact(owner, LAST_SCHEDULED_FACT);
}

export function lastSuccess(owner: DesiredObject, runs: readonly DesiredObject[]): string | undefined {
  const ends = runs.map(({ object }) => jobFact(object)).filter(({ end }) => end === 'Complete');
  return [textFact(owner, LAST_SUCCESS_FACT), ...ends.map(({ endedAt }) => endedAt)]
    .filter((time) => time !== undefined)
    .sort()
    .at(-1);
}

function textFact(owner: DesiredObject, name: string): string | undefined {
  const fact = owner.object.kith?.facts?.[name];
  return typeof fact === 'string' ? fact : undefined;
}
