/**
 * What the API asks beside the schema before it writes: bounds and defaults of the namespace (LimitRange), the pod's class (PriorityClass) and what the namespace may hold
 * (ResourceQuota). Decides by the merged view (core/admission/); controllers' pods pass there on their own way.
 */
import type { DraftObject, StoredObject } from '../../protocol/objects.ts';
import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import { groupResourceOf } from '../../protocol/kinds/kind.ts';
import type { PodSpec } from '../../protocol/types.ts';
import { admitPodSpec } from '../core/admission/creations.ts';
import { claimRefusal, limitItems } from '../core/admission/limit-range.ts';
import { PRIORITY_CLASSES, withDefaultPriority } from '../core/admission/priority.ts';
import { quotaRefusal, quotasOf } from '../core/admission/quota.ts';
import type { ClusterIndex } from '../core/cluster/view.ts';
import type { ResourceCall } from './deps.ts';
import { forbidden } from './status.ts';
import { KeyedLock } from './timing.ts';

export class Admission {
  readonly #view: ClusterIndex;
  /** By namespace: what is counted is written before the next is counted. Only on this peer; two peers may each let in what is left. */
  readonly #lock = new KeyedLock();

  constructor(deps: { view: ClusterIndex }) {
    this.#view = deps.view;
  }

  /** The draft with what its namespace adds. @throws ApiError `Forbidden`, in upstream's words */
  admit({ kind, namespace = '' }: ResourceCall, draft: DraftObject, before: StoredObject | undefined): DraftObject {
    const resource = groupResourceOf(kind);
    const name = draft.metadata.name ?? '';
    if (resource === 'pods' && before === undefined) {
      const admitted = admitPodSpec(this.#view, namespace, draft.spec as PodSpec);
      if ('refusal' in admitted) throw forbidden(kind, name, admitted.refusal);
      return { ...draft, spec: withDefaultPriority(admitted.spec) };
    }
    if (resource === 'persistentvolumeclaims') {
      const why = claimRefusal(draft.spec ?? {}, limitItems(this.#view, namespace));
      if (why !== undefined) throw forbidden(kind, name, why);
    }
    if (resource === PRIORITY_CLASSES && draft['globalDefault'] === true) this.#checkDefault(kind, name);
    return draft;
  }

  /** Runs the write once quotas let it pass, and none other of the namespace meanwhile. @throws ApiError `Forbidden` */
  async withinQuota<T>(
    { kind, namespace }: ResourceCall,
    object: StoredObject,
    before: StoredObject | undefined,
    write: () => Promise<T>,
  ): Promise<T> {
    if (namespace === undefined || quotasOf(this.#view, namespace).length === 0) return write();
    return this.#lock.run(namespace, async () => {
      const demand = { namespace, resource: groupResourceOf(kind), object, ...(before === undefined ? {} : { before }) };
      const why = quotaRefusal(this.#view, demand);
      if (why !== undefined) throw forbidden(kind, object.metadata.name, why);
      return write();
    });
  }

  #checkDefault(kind: KindDefinition, name: string): void {
    const other = this.#view.list(PRIORITY_CLASSES).find(({ object }) => object['globalDefault'] === true && object.metadata.name !== name);
    if (other === undefined) return;
    throw forbidden(kind, name, `PriorityClass ${other.object.metadata.name} is already marked as default. Only one default can exist`);
  }
}
