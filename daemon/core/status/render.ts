import type { DesiredObject, KubeObject, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { Now } from '../decisions.ts';
import { deploymentStatus } from './deployment-status.ts';
import { renderNode } from './node-status.ts';
import { renderPod } from './pod-status.ts';
import { replicaStatus } from './replica-status.ts';

/**
 * Objects as the API shows them: desired metadata and spec, without Kith's own fields, joined with what nodes report and what follows from both. A pure function
 * of the view, never stored and never sent. `deletionTimestamp` of a superseded pod on a dead node and a node's taints for its condition are derived, too: who
 * writes an object back must compare with what was shown.
 */
export function renderObject(view: ClusterIndex, key: ObjectKey, now: Now): KubeObject | undefined {
  const desired = view.get(key);
  if (desired === undefined) return undefined;
  const object = withIdentity(desired);
  switch (parseObjectKey(key).resource) {
    case 'pods':
      return renderPod(view, object);
    case 'nodes':
      return renderNode(view, object);
    case 'replicasets.apps':
    case 'replicationcontrollers':
      return { ...shown(object), status: replicaStatus(view, desired, now.wall) };
    case 'deployments.apps':
      return { ...shown(object), status: deploymentStatus(view, desired, now.wall) };
    case 'namespaces':
      return { ...shown(object), status: { phase: isDeleting(desired) ? 'Terminating' : 'Active' } };
    default:
      return shown(object);
  }
}

/** The uid follows from the key and the life; whatever the stored metadata says. */
function withIdentity(desired: DesiredObject): DesiredObject {
  const { object, uid } = desired;
  return object.metadata.uid === uid ? desired : { ...desired, object: { ...object, metadata: { ...object.metadata, uid } } };
}

function shown(desired: DesiredObject): KubeObject {
  const { kith: _kith, ...object } = desired.object;
  return object;
}
