import { invalidMessage } from '../../../protocol/kinds/admission.ts';
import type { KindDefinition } from '../../../protocol/kinds/kind.ts';
import { groupResourceOf } from '../../../protocol/kinds/kind.ts';
import { jsonEqual } from '../../../protocol/json.ts';
import type { DraftObject, StoredObject } from '../../../protocol/objects.ts';
import type { PodSpec } from '../../../protocol/types.ts';
import { admitPodSpec } from '../admission/creations.ts';
import { claimRefusal, limitItems } from '../admission/limit-range.ts';
import { quotaRefusal, type QuotaLedger } from '../admission/quota.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { podSpecIn, violation } from '../pod-security/level.ts';
import type { DeclaredObject } from './read.ts';

/** What decides whether an object of a file may be: the same that the API asks. */
export interface ManifestRules {
  view: ClusterIndex;
  /** A namespace as it is, or as a file is about to make it. */
  namespace(name: string): DraftObject | StoredObject | undefined;
  /** Of what earlier objects of this pass were let in. */
  ledger: QuotaLedger;
}

/** A new object with what its namespace adds to it; or why it must not be, in the words that the API would use. */
export function admitNew(rules: ManifestRules, { kind, draft }: DeclaredObject, made: StoredObject): StoredObject | string {
  const { name, namespace = '' } = made.metadata;
  const errors = kind.validateCreate?.(draft) ?? [];
  if (errors.length > 0) return invalidMessage(kind, name, errors);
  const resource = groupResourceOf(kind);
  let object = made;
  if (resource === 'pods') {
    const admitted = admitPodSpec(rules.view, namespace, made['spec'] as PodSpec);
    if ('refusal' in admitted) return forbidden(kind, name, admitted.refusal);
    object = { ...made, spec: admitted.spec };
  }
  const why = resource === 'persistentvolumeclaims' ? claimRefusal(object['spec'] ?? {}, limitItems(rules.view, namespace)) : undefined;
  return why === undefined ? (refusal(rules, kind, object) ?? object) : forbidden(kind, name, why);
}

/** Why a changed object must not be. */
export function refuseChange(rules: ManifestRules, { kind }: DeclaredObject, next: StoredObject, before: StoredObject): string | undefined {
  return refusal(rules, kind, next, before);
}

/** What a namespace allows of pods, and how much may be in it. What is asked for already is not looked at again. */
function refusal(rules: ManifestRules, kind: KindDefinition, object: StoredObject, before?: StoredObject): string | undefined {
  const { name, namespace } = object.metadata;
  if (namespace === undefined) return undefined;
  const resource = groupResourceOf(kind);
  const spec = podSpecIn(resource, object);
  const isKnown = before !== undefined && jsonEqual(podSpecIn(resource, before), spec);
  const insecure = spec === undefined || isKnown ? undefined : violation('enforce', rules.namespace(namespace), spec);
  const why = insecure ?? quotaRefusal(rules.view, { namespace, resource, object, before }, rules.ledger);
  return why === undefined ? undefined : forbidden(kind, name, why);
}

function forbidden(kind: KindDefinition, name: string, why: string): string {
  return `${groupResourceOf(kind)} ${JSON.stringify(name)} is forbidden: ${why}`;
}
