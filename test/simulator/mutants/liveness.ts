import { ASKS_NOBODY_WHO_IS_BACK, one } from './mutant.ts';
import type { Mutant } from './mutant.ts';

/** Bugs in who is held for alive, for the leader, for a member. */
export const LIVENESS_MUTANTS: readonly Mutant[] = [
  one({
    name: 'no-refutation',
    what: 'who is suspected or declared dead does not answer it',
    plots: ['flapping', 'thaws'],
    file: 'daemon/core/membership/detector.ts',
    find: 'if (accused < state.incarnation || now - state.refutedAt < state.settings.refuteIntervalMs)',
    replace: 'if (accused < Infinity || now - state.refutedAt < state.settings.refuteIntervalMs)',
  }),
  one({
    name: 'lead-without-term',
    what: 'a leader stands without a new term',
    plots: ['quietDeath', 'flapping'],
    file: 'daemon/core/election/election.ts',
    find: '{ ...state, term: standing.forTerm, leader: state.self',
    replace: '{ ...state, term: state.term, leader: state.self',
  }),
  one({
    name: 'unsigned-facts',
    what: 'a record counts whoever signed it',
    plots: ['quietDeath'],
    file: 'daemon/peer/observed.ts',
    find: "return signed ? undefined : 'wrong signature';",
    replace: 'return undefined;',
  }),
  one({
    name: 'unsigned-pods',
    what: 'a report of a pod counts whoever signed it',
    plots: ['quietDeath'],
    file: 'daemon/peer/observed.ts',
    find: '    const signed = this.reader.isSigned(record);',
    replace: "    const signed = record.key.startsWith('pod/') || this.reader.isSigned(record);",
  }),
  one({
    name: 'unsigned-deaths',
    what: 'a death counts whoever signed it',
    plots: ['quietDeath'],
    file: 'daemon/peer/observed.ts',
    find: '    const signed = this.reader.isSigned(record);',
    replace: "    const signed = record.key.startsWith('death/') || this.reader.isSigned(record);",
  }),
  one({
    name: 'unsigned-events',
    what: 'an Event counts whoever signed it',
    plots: ['quietDeath'],
    file: 'daemon/peer/observed.ts',
    find: '    const signed = this.reader.isSigned(record);',
    replace: "    const signed = record.key.startsWith('event/') || this.reader.isSigned(record);",
  }),
  // Of the three ways to hear of a higher incarnation each alone brings the peer back.
  {
    name: 'death-is-for-ever',
    what: 'a refuted death is not forgotten',
    plots: ['quietDeath'],
    edits: [
      {
        file: 'daemon/core/membership/evidence.ts',
        find: '  if (incarnation <= track.incarnation) return { state, decisions: [] };\n  if (track.incarnation === 0',
        replace: '  if (incarnation <= track.incarnation || track.death) return { state, decisions: [] };\n  if (track.incarnation === 0',
      },
      {
        file: 'daemon/core/membership/evidence.ts',
        find: '  if (incarnation <= (declaredIncarnation(track) ?? -1)) return remindDead(',
        replace: '  if (declaredIncarnation(track) !== undefined) return remindDead(',
      },
      {
        file: 'daemon/core/membership/evidence.ts',
        find: '  if (answer.incarnation <= (declaredIncarnation(track) ?? -1)) return',
        replace: '  if (declaredIncarnation(track) !== undefined) return',
      },
    ],
  },
  one({
    name: 'never-steps-down',
    what: 'who leads follows no other, whatever its term',
    plots: ['longCut'],
    file: 'daemon/core/election/election.ts',
    find: "  if (heard.leader === '' || heard.term < state.term) return false;",
    replace: "  if (heard.leader === '' || heard.term < state.term || state.leader === state.self) return false;",
  }),
  one({
    name: 'late-leader',
    what: 'who is to lead waits for fifteen seconds first',
    plots: ['longCut'],
    file: 'daemon/core/election/election.ts',
    find: '  return { at: now + steps * state.settings.candidateStepMs, forTerm, reason };',
    replace: '  return { at: now + 15_000 + steps * state.settings.candidateStepMs, forTerm, reason };',
  }),
  one({
    name: 'farewell-unheard',
    what: 'a host that was removed takes no notice',
    plots: ['removals'],
    file: 'daemon/core/reconcile/judge.ts',
    find: '  if (view.removed) return listed.map(',
    replace: '  if (view.removed && listed.length > 1_000) return listed.map(',
  }),
  one({
    name: 'void-untold',
    what: 'a host that was removed does not say so to who looks for it',
    plots: ['guests'],
    file: 'daemon/peer/replication.ts',
    find: '[grave, isRemoved && isMember ? own : undefined]',
    replace: '[grave]',
  }),
  {
    name: 'void-stays',
    what: 'whom a removed host let in, unseen by its remover, stays a member',
    plots: ['guests'],
    edits: [
      {
        file: 'daemon/core/cluster/membership.ts',
        find: '      if (voided.has(admittedBy) || (known !== undefined && !known.includes(peerId))) voided.add(peerId);',
        replace: "      if (voided.has(admittedBy) || known?.includes('') === true) voided.add(peerId);",
      },
    ],
  },
  one({
    name: 'seen-are-void',
    what: 'the grave of a removed member names nobody whom it had let in',
    plots: ['removals'],
    file: 'daemon/peer/replica/changes.ts',
    find: '  const admitted = resource === MEMBERS ? context.admittedBy(name) : undefined;',
    replace: '  const admitted = resource === MEMBERS ? context.admittedBy(name)?.slice(0, 0) : undefined;',
  }),
  one({
    name: 'first-grave-counts',
    what: 'of two graves of one member each peer keeps the one that it heard first',
    plots: ['twoRemovers'],
    file: 'daemon/peer/replica/changes.ts',
    find: '  if (both.length === grave.admitted?.length) return;',
    replace: '  if (both.length <= (grave.admitted ?? admitted).length) return;',
  }),
  one({
    name: 'nodes-keep-members',
    what: 'who deletes a node leaves its host a member',
    plots: ['removals'],
    file: 'daemon/api/deleting.ts',
    find: '    memberOf: (node: string) => deps.memberOf?.(node),',
    replace: '    memberOf: () => undefined,',
  }),
  {
    name: 'starts-its-words-anew',
    what: 'a host numbers what it says from one on in each life, and does not go beyond what it hears of a life that its disk forgot',
    scenario: 'incarnation-forgotten.json',
    edits: [
      {
        file: 'daemon/peer/observed.ts',
        find: 'Math.max(0, Math.trunc(deps.clock.now()))',
        replace: 'Math.min(0, Math.trunc(deps.clock.now()))',
      },
      { file: 'daemon/peer/observed.ts', find: 'Math.max(this.sequence, sequence)', replace: 'Math.max(this.sequence, 0 * sequence)' },
    ],
  },
  {
    name: 'hearsay-counts',
    what: 'an heir that does not observe a node acts on the word that it is dead at once, before that can be refuted, and asks nobody who is back',
    plots: ['rumours'],
    edits: [
      {
        file: 'daemon/core/heirs/claims.ts',
        find: '  return view.memberOfNode(node)?.hearsay === true ? hearsayMs : 0;',
        replace: '  return view.memberOfNode(node)?.hearsay === true ? hearsayMs * 0 : 0;',
      },
      ASKS_NOBODY_WHO_IS_BACK,
    ],
  },
  {
    name: 'asks-nobody',
    what: 'an heir takes the word of others that a node is dead, and has neither it asked nor anybody who is back',
    plots: ['rumours'],
    scenario: 'refutation-unheard.json',
    edits: [
      {
        file: 'daemon/core/heirs/claims.ts',
        find: '  if (rank >= 0) doubtHearsay(',
        replace: '  if (rank > settings.ranks) doubtHearsay(',
      },
      ASKS_NOBODY_WHO_IS_BACK,
    ],
  },
  one({
    name: 'calls-nobody',
    what: 'a peer that hears none of those that it observes does not call the others, some of whom are on its side of a cut',
    plots: ['fewOfMany'],
    file: 'daemon/core/membership/isolation.ts',
    find: '  if (now - state.calledAt < callIntervalMs) return',
    replace: '  if (isLost || now - state.calledAt < callIntervalMs) return',
  }),
];
