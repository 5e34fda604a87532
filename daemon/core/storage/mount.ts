import { objectKey } from '../../../protocol/objects.ts';
import type { ClusterView } from '../cluster/view.ts';
import { CLAIMS, isBound, nodeOfClaim, volumeKeyOf, volumeNameOf } from './claims.ts';

/** The volume of a claim on this node, or why there is none. */
export type ClaimedVolume = { volume: string } | { missing: string };

export function claimedVolume(view: ClusterView, namespace: string, name: string): ClaimedVolume {
  const claim = view.get(objectKey(CLAIMS, namespace, name));
  if (claim === undefined) return { missing: `persistentvolumeclaim "${name}" not found` };
  const missing = (why: string): ClaimedVolume => ({ missing: `persistentvolumeclaim "${name}" ${why}` });
  if (!isBound(claim) || view.get(volumeKeyOf(claim)) === undefined) return missing('is not bound');
  const node = nodeOfClaim(view, claim);
  return node === view.self.node ? { volume: volumeNameOf(claim) } : missing(`has its volume on node ${node ?? '<none>'}`);
}
