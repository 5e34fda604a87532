import type { PersistentVolumeClaimStatus, PersistentVolumeStatus } from 'kubernetes-types/core/v1.js';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { ClusterView } from '../cluster/view.ts';
import { claimSpec, isBound, isLocalVolume, isReleased, volumeKeyOf, volumeSpec, whyNoVolume } from '../storage/claims.ts';

/** Status of a claim of local storage; undefined for any other, whose status somebody else writes. */
export function claimStatus(view: ClusterView, claim: DesiredObject): PersistentVolumeClaimStatus | undefined {
  if (!isBound(claim)) return whyNoVolume(view, claim)?.reason === 'ExternalProvisioning' ? undefined : { phase: 'Pending' };
  const volume = view.get(volumeKeyOf(claim));
  if (volume === undefined) return { phase: view.buriedLife(volumeKeyOf(claim)) > 0 ? 'Lost' : 'Pending' };
  return { phase: 'Bound', accessModes: claimSpec(claim).accessModes, capacity: volumeSpec(volume).capacity };
}

export function volumeStatus(view: ClusterView, volume: DesiredObject): PersistentVolumeStatus | undefined {
  if (!isLocalVolume(volume)) return undefined;
  return { phase: isReleased(view, volume) ? 'Released' : 'Bound' };
}
