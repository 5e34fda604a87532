import { objectKey } from '../../../protocol/objects.ts';
import { CONFIRMED_DEAD_ANNOTATION } from '../../../protocol/leases.ts';
import type { ClusterView } from '../cluster/view.ts';

/**
 * Whether a person said that this incarnation of the peer's host is off (`kith confirm-dead`): what it was granted is over then, whatever the clock says. A host that
 * comes back does so with a higher incarnation.
 */
export function isConfirmedDead(view: ClusterView, peer: string, incarnation: number): boolean {
  const member = view.members().find((candidate) => candidate.peer === peer);
  if (member === undefined) return false;
  const annotations = view.get(objectKey('nodes', '', member.spec.nodeName))?.object.metadata.annotations;
  const confirmed = annotations?.[CONFIRMED_DEAD_ANNOTATION];
  return confirmed !== undefined && /^[0-9]{1,15}$/.test(confirmed) && incarnation <= Number(confirmed);
}
