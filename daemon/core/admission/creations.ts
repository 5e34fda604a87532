/** What the leader's controllers are about to create, as the API would let it in: defaults and priority are filled in, and what bounds or quotas refuse is left out and told of. */
import type { Mutation } from '../../../protocol/desired.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { Pod, PodSpec } from '../../../protocol/types.ts';
import { ownerKey } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { EventDraft } from '../decisions.ts';
import { LIMIT_RANGES, limitItems, limitsRefusal, withLimitDefaults } from './limit-range.ts';
import { PRIORITY_CLASSES, withPriority } from './priority.ts';
import { QUOTAS, quotaRefusal, type QuotaLedger } from './quota.ts';

/** ms until a controller whose pod was refused tries again. */
export const REFUSED_RETRY_MS = 5_000;

/** A pod with what its namespace and its class add, or why it must not be. */
export function admitPodSpec(
  view: Pick<ClusterIndex, 'get' | 'list'>,
  namespace: string,
  spec: PodSpec,
): { spec: PodSpec } | { refusal: string } {
  const items = limitItems(view, namespace);
  const filled = withLimitDefaults(spec, items);
  const why = limitsRefusal(filled, items);
  return why === undefined ? withPriority(view, filled) : { refusal: why };
}

export interface Creating {
  mutations: Mutation[];
  events: EventDraft[];
}

export interface Refused {
  owner: ObjectKey;
  event: EventDraft;
}

/** Whether anything of it can matter: most clusters have none of these. */
export function boundsCreations(view: Pick<ClusterIndex, 'list'>): boolean {
  return [LIMIT_RANGES, QUOTAS, PRIORITY_CLASSES].some((resource) => view.list(resource).length > 0);
}

/**
 * Changes a unit of work in place.
 * @param ledger of the whole pass @param counts false: what takes another's place is not refused for want of quota
 */
export function admitCreations(view: ClusterIndex, unit: Creating, ledger: QuotaLedger, counts: boolean): Refused[] {
  const refused: Refused[] = [];
  unit.mutations = unit.mutations.flatMap((mutation): Mutation[] => {
    if (mutation.type !== 'create' || parseObjectKey(mutation.key).resource !== 'pods') return [mutation];
    const pod = mutation.object as Pod;
    const namespace = pod.metadata.namespace ?? '';
    const admitted = admitPodSpec(view, namespace, pod.spec);
    // Who replaces a pod of a dead node is not held back by what was decided after that one began.
    if ('refusal' in admitted && !counts) return [mutation];
    const object = 'spec' in admitted ? { ...pod, spec: admitted.spec } : pod;
    const why =
      'refusal' in admitted ? admitted.refusal : counts ? quotaRefusal(view, { namespace, resource: 'pods', object }, ledger) : undefined;
    if (why === undefined) return [{ ...mutation, object }];
    const told = refusalOf(pod, why, unit.events);
    // One a controller: the others fail for the same reason, as upstream's slow start has it.
    if (told !== undefined && !refused.some(({ owner }) => owner === told.owner)) refused.push(told);
    unit.events = unit.events.filter(
      ({ reason, message }) => reason !== 'SuccessfulCreate' || !message.split(' ').includes(pod.metadata.name),
    );
    return [];
  });
  return refused;
}

function refusalOf(pod: Pod, why: string, events: readonly EventDraft[]): Refused | undefined {
  const { name, namespace = '' } = pod.metadata;
  const controller = pod.metadata.ownerReferences?.find((owner) => owner.controller === true);
  const made = events.find(({ reason }) => reason === 'SuccessfulCreate');
  if (controller === undefined || made === undefined) return undefined;
  const text = `pods "${name}" is forbidden: ${why}`;
  const message =
    controller.kind === 'StatefulSet'
      ? `create Pod ${name} in StatefulSet ${controller.name} failed error: ${text}`
      : `Error creating: ${text}`;
  return { owner: ownerKey(controller, namespace), event: { ...made, type: 'Warning', reason: 'FailedCreate', message } };
}
