import type { Binding, DesiredObject, StoredObject } from '../../../protocol/objects.ts';
import type { Mutation } from '../../../protocol/desired.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { Pod, PodTemplateSpec } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { podBaseName } from './jobs/facts.ts';
import { jobTemplate } from './jobs/job-pod.ts';
import { type Slot, slotPodKey } from './slots.ts';

/** The pod that fills a slot, made from its owner's template. Two sides that make it at once make the same object: the second is merged into the first. */
export function createSlotPod(owner: DesiredObject, slot: Slot, wallMs: number, binding?: Binding): Extract<Mutation, { type: 'create' }> {
  const key = slotPodKey(owner, slot.slot, slot.state.generation);
  const template = templateFor(owner.object, slot.slot);
  const { metadata: owned } = owner.object;
  const labels = template?.metadata?.labels;
  const annotations = template?.metadata?.annotations;
  const filled = { owner: owner.uid, slot: slot.slot, generation: slot.state.generation };
  const object: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: parseObjectKey(key).name,
      namespace: owned.namespace,
      // Set by the replica, which alone knows the life.
      uid: '',
      creationTimestamp: formatTime(wallMs),
      generateName: `${podBaseName(owner.object, slot.slot)}-`,
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(template?.metadata?.finalizers === undefined ? {} : { finalizers: [...template.metadata.finalizers] }),
      ownerReferences: [
        {
          apiVersion: owner.object.apiVersion,
          kind: owner.object.kind,
          name: owned.name,
          uid: owner.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: template?.spec ?? { containers: [] },
    kith: binding === undefined ? { slot: filled } : { slot: filled, binding },
  };
  return { type: 'create', key, object, orMerge: true };
}

/** What the pods of a slot are made from. */
export function templateFor(owner: StoredObject, slot: number): PodTemplateSpec | undefined {
  return owner.kind === 'Job' ? jobTemplate(owner, slot) : (owner.spec as { template?: PodTemplateSpec } | undefined)?.template;
}

/** An update that changes only Kith's own fields of an object. */
export function updateKith(desired: DesiredObject, kith: StoredObject['kith']): Mutation {
  return { type: 'update', key: desired.key, uid: desired.uid, base: desired.object, next: { ...desired.object, kith } };
}
