import type { DesiredObject, StoredObject } from '../../../protocol/objects.ts';
import type { Member, MemberSpec } from '../../../protocol/types.ts';
import type { MemberState, MemberView } from './view.ts';

export const MEMBERS = 'members.kith.dev';

export function admitterOf(member: StoredObject): string | undefined {
  return (member as Partial<Member>).spec?.admittedBy;
}

/**
 * Whom a removed member let in unseen by its remover is no member either, nor is whom such a one let in: else a host that is being removed could stay by another
 * name. All peers that know the grave and the admission find the same, whichever they heard first.
 * @param admittedWhenRemoved of a removed member: whom it had admitted, as far as its remover knew; undefined where that is not known
 */
export function voidedAmong(
  members: readonly Pick<MemberSpec, 'peerId' | 'admittedBy'>[],
  admittedWhenRemoved: (peer: string) => readonly string[] | undefined,
): Set<string> {
  const voided = new Set<string>();
  for (let before = -1; before < voided.size;) {
    before = voided.size;
    for (const { peerId, admittedBy } of members) {
      if (admittedBy === undefined || admittedBy === peerId) continue;
      const known = admittedWhenRemoved(admittedBy);
      if (voided.has(admittedBy) || (known !== undefined && !known.includes(peerId))) voided.add(peerId);
    }
  }
  return voided;
}

/** What liveness says of a member, and since when it has been the same incarnation, and back. */
export type KnownState = MemberState & Pick<MemberView, 'incarnationSince' | 'backSince'>;

/** Members as desired state lists them, joined with what liveness says of them. */
export interface Membership {
  /** By peer id, ascending. */
  members: readonly MemberView[];
  byNode: ReadonlyMap<string, MemberView>;
  seen: number;
}

/** A member that liveness has not spoken of yet is neither alive enough to place on, nor dead. */
const UNHEARD: Omit<KnownState, 'peer'> = { state: 'suspected', since: 0, incarnation: 0, incarnationSince: 0, backSince: Infinity };

/** @param monotonic ms: when this was learned */
export function knownState(member: MemberState, before: KnownState | undefined, monotonic: number): KnownState {
  const incarnationSince = before?.incarnation === member.incarnation ? before.incarnationSince : monotonic;
  return { ...member, incarnationSince, backSince: backSince(member, before) };
}

function backSince({ state, since }: MemberState, before: KnownState | undefined): number {
  if (state === 'dead') return Infinity;
  const known = before?.backSince ?? Infinity;
  return state === 'alive' ? Math.min(known, since) : known;
}

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
