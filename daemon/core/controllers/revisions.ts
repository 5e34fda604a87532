import type { Mutation } from '../../../protocol/desired.ts';
import { templateHash } from '../../../protocol/identity.ts';
import type { DesiredObject, ObjectKey, StoredObject } from '../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../protocol/objects.ts';
import type { PodTemplateSpec } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import { buryMutation } from '../deletion.ts';
import type { Now } from '../decisions.ts';

/** ControllerRevisions: the templates that DaemonSets and StatefulSets had, for `kubectl rollout history` and `undo`. Named by the template, like ReplicaSets. */

export const REVISION_HASH_LABEL = 'controller-revision-hash';
const DEFAULT_HISTORY_LIMIT = 10;

/** A patch that makes the owner's spec what it was. */
interface RevisionData {
  spec?: { template?: PodTemplateSpec & { $patch?: string } };
}

interface TemplateOwnerSpec {
  template: PodTemplateSpec;
  revisionHistoryLimit?: number;
}

/** Name of the revision that the owner's template is. */
export function revisionName(owner: DesiredObject): string {
  return `${owner.object.metadata.name}-${revisionHash(owner)}`;
}

export function revisionHash(owner: DesiredObject): string {
  return templateHash(owner.uid, (owner.object.spec as TemplateOwnerSpec).template);
}

/** The template of a revision, while it is remembered. */
export function templateOfRevision(view: ClusterView, owner: DesiredObject, name: string): PodTemplateSpec | undefined {
  const data = view.get(keyOf(owner, name))?.object['data'] as RevisionData | undefined;
  if (data?.spec?.template === undefined) return undefined;
  const { $patch: _patch, ...template } = data.spec.template;
  return template;
}

/** Writes the template down if it is new, makes it the newest if it is an old one again, and forgets what is beyond the history. `inUse`: names that pods are of. */
export function planRevisions(view: ClusterView, owner: DesiredObject, inUse: ReadonlySet<string>, now: Now): Mutation[] {
  const name = revisionName(owner);
  const known = view
    .ownedBy(owner.uid)
    .filter((owned) => parseObjectKey(owned.key).resource === 'controllerrevisions.apps' && !isDeleting(owned))
    .sort((left, right) => numberOf(left) - numberOf(right) || (left.key < right.key ? -1 : 1));
  const newest = numberOf(known.at(-1));
  const current = known.find(({ object }) => object.metadata.name === name);
  if (current === undefined) return view.get(keyOf(owner, name)) === undefined ? [creation(owner, name, newest + 1, now)] : [];
  if (known.length > 1 && numberOf(current) < newest) {
    const next = { ...current.object, revision: newest + 1 };
    return [{ type: 'update', key: current.key, uid: current.uid, base: current.object, next }];
  }
  const limit = (owner.object.spec as TemplateOwnerSpec).revisionHistoryLimit ?? DEFAULT_HISTORY_LIMIT;
  const old = known.filter(({ object }) => object.metadata.name !== name && !inUse.has(object.metadata.name));
  return old.slice(0, Math.max(0, old.length - limit)).map((revision) => buryMutation(revision, now.wall));
}

function keyOf(owner: DesiredObject, name: string): ObjectKey {
  return objectKey('controllerrevisions.apps', owner.object.metadata.namespace ?? '', name);
}

function numberOf(revision: DesiredObject | undefined): number {
  const number = revision?.object['revision'];
  return typeof number === 'number' ? number : 0;
}

function creation(owner: DesiredObject, name: string, revision: number, now: Now): Mutation {
  const { apiVersion, kind, metadata, spec } = owner.object;
  const { template } = spec as TemplateOwnerSpec;
  const data: RevisionData = { spec: { template: { ...template, $patch: 'replace' } } };
  const object: StoredObject = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name,
      namespace: metadata.namespace,
      uid: '',
      creationTimestamp: formatTime(now.wall),
      labels: { ...template.metadata?.labels, [REVISION_HASH_LABEL]: revisionHash(owner) },
      ...(metadata.annotations === undefined ? {} : { annotations: withoutApplied(metadata.annotations) }),
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: owner.uid, controller: true, blockOwnerDeletion: true }],
    },
    revision,
    data,
  };
  return { type: 'create', key: keyOf(owner, name), object, orMerge: true };
}

function withoutApplied(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const { 'kubectl.kubernetes.io/last-applied-configuration': _applied, ...others } = annotations;
  return others;
}
