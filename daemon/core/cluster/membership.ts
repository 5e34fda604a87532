import type { DesiredObject, StoredObject } from '../../../protocol/objects.ts';
import type { Member } from '../../../protocol/types.ts';
import type { MemberState, MemberView } from './view.ts';

export const MEMBERS = 'members.kith.dev';

export function admitterOf(member: StoredObject): string | undefined {
  return (member as Partial<Member>).spec?.admittedBy;
}

/** What liveness says of a member, and since when it has been the same incarnation. */
export type KnownState = MemberState & Pick<MemberView, 'incarnationSince'>;

/** Members as desired state lists them, joined with what liveness says of them. */
export interface Membership {
  /** By peer id, ascending. */
  members: readonly MemberView[];
  byNode: ReadonlyMap<string, MemberView>;
  seen: number;
}

/** A member that liveness has not spoken of yet is neither alive enough to place on, nor dead. */
const UNHEARD: Omit<KnownState, 'peer'> = { state: 'suspected', since: 0, incarnation: 0, incarnationSince: 0 };

export function joinMembership(
  self: { peer: string },
  objects: readonly DesiredObject[],
  states: ReadonlyMap<string, KnownState>,
): Membership {
  const members = objects
    .map(({ object }): MemberView => {
      const { spec } = object as Member;
      const state = states.get(spec.peerId) ?? { ...UNHEARD, peer: spec.peerId };
      return { ...state, ...(spec.peerId === self.peer ? { state: 'alive', death: undefined } : {}), spec };
    })
    .sort((left, right) => (left.peer < right.peer ? -1 : 1));
  const byNode = new Map<string, MemberView>();
  for (const member of members) {
    const rival = byNode.get(member.spec.nodeName);
    // Two members with one node name: the living one speaks for it, then the lower peer id.
    if (rival === undefined || (rival.state === 'dead' && member.state !== 'dead')) byNode.set(member.spec.nodeName, member);
  }
  return { members, byNode, seen: members.filter((member) => member.state !== 'dead').length };
}
