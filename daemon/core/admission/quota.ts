/**
 * ResourceQuotas: what a namespace uses, and whether something more still fits. Counted anew from desired state each time, on every peer: no number is stored that a merge could get
 * wrong. Two sides of a split, or two peers at the same moment, may each let in as much as is left; what is too much then stays and counts. Source, behaviour and wording:
 * k8s.io/apiserver/pkg/admission/plugin/resourcequota.
 */
import type { ResourceQuotaSpec, ResourceQuotaStatus } from 'kubernetes-types/core/v1.js';
import type { DesiredObject, KubeObject, StoredObject } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { Container, Pod } from '../../../protocol/types.ts';
import { formatQuantity } from '../../../protocol/values/quantity.ts';
import { isTerminal } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { slotStanding } from '../controllers/slots.ts';
import { addAmounts, amountsFrom, count, nanosOf, textsOf, type Amounts } from './amounts.ts';
import { isInScope, usageOf, type Scope } from './quota-usage.ts';

export const QUOTAS = 'resourcequotas';
/** Of each container a quota on these wants to be told. */
const COMPUTE = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];

type Quota = Pick<DesiredObject, 'object'>;
type Counted = StoredObject | KubeObject;

/** Used amounts of quotas while a batch is let in: by key of the quota. */
export type QuotaLedger = Map<string, Amounts>;

export function quotasOf(view: Pick<ClusterIndex, 'list'>, namespace: string): DesiredObject[] {
  return view
    .list(QUOTAS)
    .filter(({ object }) => object.metadata.namespace === namespace && object.metadata.deletionTimestamp === undefined)
    .sort((left, right) => (left.key < right.key ? -1 : 1));
}

export function quotaStatus(view: ClusterIndex, quota: DesiredObject): ResourceQuotaStatus {
  const { hard = {} } = specOf(quota);
  const used = usedOf(view, quota);
  return { hard, used: textsOf(new Map(Object.keys(hard).map((name) => [name, used.get(name) ?? count(0)]))) };
}

export interface Demand {
  namespace: string;
  resource: string;
  object: Counted;
  /** The version before, of one that is changed. */
  before?: Counted;
}

/**
 * Why quotas refuse it; undefined where they do not, and the ledger has counted it.
 * @param ledger of what was let in already and is not in the view yet
 */
export function quotaRefusal(view: ClusterIndex, demand: Demand, ledger: QuotaLedger = new Map()): string | undefined {
  const { namespace, resource, object, before } = demand;
  const wanted = usageOf(resource, object);
  const had = before === undefined ? new Map<string, never>() : usageOf(resource, before);
  const counted: [Amounts, Amounts][] = [];
  for (const quota of quotasOf(view, namespace)) {
    if (!isAbout(quota, resource, object)) continue;
    const { name } = quota.object.metadata;
    const hard = amountsFrom(specOf(quota).hard);
    const asked: Amounts = new Map(
      [...wanted]
        .filter(([each, { nanos }]) => hard.has(each) && nanos > nanosOf(had, each))
        .map(([each, { nanos, format }]) => [each, { nanos: nanos - nanosOf(had, each), format }]),
    );
    const unsaid = resource === 'pods' && before === undefined ? unsaidIn((object as Pod).spec, hard) : '';
    if (unsaid !== '') return `failed quota: ${name}: must specify ${unsaid}`;
    if (asked.size === 0) continue;
    const used = ledger.get(quota.key) ?? usedOf(view, quota);
    ledger.set(quota.key, used);
    const exceeded = [...asked.keys()].filter((each) => nanosOf(used, each) + nanosOf(asked, each) > nanosOf(hard, each)).sort();
    if (exceeded.length > 0) {
      const told = (amounts: Amounts): string =>
        exceeded.map((each) => `${each}=${formatQuantity(amounts.get(each) ?? count(0))}`).join(',');
      return `exceeded quota: ${name}, requested: ${told(asked)}, used: ${told(used)}, limited: ${told(hard)}`;
    }
    counted.push([used, asked]);
  }
  for (const [used, asked] of counted) addAmounts(used, asked);
  return undefined;
}

function usedOf(view: ClusterIndex, quota: DesiredObject): Amounts {
  const total: Amounts = new Map();
  for (const object of view.inNamespace(quota.object.metadata.namespace ?? '')) {
    const { resource } = parseObjectKey(object.key);
    if (!isAbout(quota, resource, object.object)) continue;
    const isPod = resource === 'pods';
    // Of two pods for one place the one that fills it counts, as only one of them is to stay.
    if (isPod && slotStanding(view, object) === 'superseded') continue;
    addAmounts(total, usageOf(resource, object.object, isPod && isTerminal(view, object)));
  }
  return total;
}

/** Quotas with scopes are about pods only. */
function isAbout(quota: Quota, resource: string, object: Counted): boolean {
  const { scopes = [], scopeSelector } = specOf(quota);
  const all: Scope[] = [
    ...scopes.map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...((scopeSelector?.matchExpressions ?? []) as Scope[]),
  ];
  if (all.length === 0) return true;
  return resource === 'pods' && all.every((scope) => isInScope((object as Pod).spec, scope));
}

/** `limits.cpu for: a,b; requests.memory for: a`. Source: enforcePodContainerConstraints. */
function unsaidIn({ containers, initContainers = [] }: Pod['spec'], hard: Amounts): string {
  const all = [...containers, ...initContainers];
  const parts = COMPUTE.filter((name) => hard.has(name)).flatMap((name) => {
    const names = all.filter((container) => !says(container, name)).map((container) => container.name);
    return names.length === 0 ? [] : [`${name} for: ${[...new Set(names)].sort().join(',')}`];
  });
  return parts.sort().join('; ');
}

function says({ resources }: Container, name: string): boolean {
  if (name.startsWith('limits.')) return resources?.limits?.[name.slice('limits.'.length)] !== undefined;
  return resources?.requests?.[name.replace('requests.', '')] !== undefined;
}

function specOf({ object }: Quota): ResourceQuotaSpec {
  return object.spec ?? {};
}
