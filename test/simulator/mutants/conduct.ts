import { ASKS_NOBODY_WHO_IS_BACK, one } from './mutant.ts';
import type { Edit, Mutant } from './mutant.ts';

/** Bugs in what is decided: heirs, scheduler, controllers, agent. */
export const CONDUCT_MUTANTS: readonly Mutant[] = [
  one({
    name: 'keep-minority',
    what: 'a heal keeps the replacement that a minority made',
    plots: ['longCut'],
    file: 'daemon/core/heirs/heal.ts',
    find: "(isMajority(claim.membersSeen, claim.membersKnown) ? 'keep-replacement' : undefined)",
    replace: "'keep-replacement'",
  }),
  one({
    name: 'two-heirs',
    what: 'all heirs claim at once',
    plots: ['quietDeath'],
    file: 'daemon/core/heirs/claims.ts',
    find: 'const turnAt = rank >= 0 ? opensAt + rank * settings.escalationMs : Number.POSITIVE_INFINITY;',
    replace: 'const turnAt = rank >= 0 ? opensAt : Number.POSITIVE_INFINITY;',
  }),
  one({
    name: 'stop-when-cut-off',
    what: 'a node that sees half of the members or fewer stops what it runs',
    plots: ['longCut'],
    file: 'daemon/core/reconcile/judge.ts',
    find: "  if (pod.kith?.outcome !== undefined) {\n    if (!view.complete) return { want: 'leave', why: 'it has ended, but",
    replace:
      "  if (view.membersSeen * 2 <= view.membersKnown) return { want: 'gone', graceSeconds: ownGrace, bury: false, why: 'cut off' };\n  if (pod.kith?.outcome !== undefined) {\n    if (!view.complete) return { want: 'leave', why: 'it has ended, but",
  }),
  one({
    name: 'stop-before-ready',
    what: 'a superseded pod is stopped before its replacement is ready',
    plots: ['backTooSoon'],
    file: 'daemon/core/reconcile/slots.ts',
    find: "return { is: 'superseded', stop: keptReady, why",
    replace: "return { is: 'superseded', stop: true, why",
  }),
  one({
    name: 'collect-on-absence',
    what: 'what has an owner that is not here is garbage',
    plots: ['lateOwners'],
    file: 'daemon/core/controllers/garbage.ts',
    find: 'return life !== undefined && view.buriedLife(ownerKey(owner, namespace)) >= life;',
    replace: 'return life !== undefined && view.get(ownerKey(owner, namespace)) === undefined;',
  }),
  one({
    name: 'admit-all',
    what: 'a node takes all that is bound to it',
    plots: ['tight'],
    file: 'daemon/core/scheduler/admit.ts',
    find: '    else rejected.set(pod.uid, rejection);',
    replace: '    else room.take(shape);',
  }),
  one({
    name: 'cordon-ignored',
    what: 'the scheduler places pods on cordoned nodes',
    plots: ['drains'],
    file: 'daemon/core/scheduler/node-rules.ts',
    find: 'if (node.spec.unschedulable === true && !tolerates(tolerations, CORDON_TAINT)) return CORDONED;',
    replace: 'if (node.spec.unschedulable === true && tolerates(tolerations, CORDON_TAINT)) return CORDONED;',
  }),
  one({
    name: 'forget-outcome',
    what: 'a pod that has ended is replaced by another life of its own',
    plots: ['tight'],
    file: 'daemon/core/reconcile/judge.ts',
    find: "    return { want: 'finished', why: `it has ended: ${pod.kith.outcome.phase}` };",
    replace: "    return { want: 'run', why: 'it is bound here' };",
  }),
  // Who hears the node contests its death, which all do in a small cluster: without that heirs must wait for a refutation, and here they do not.
  {
    name: 'believe-minority-deaths',
    what: 'a death that a minority declared is believed, and acted on, at once, and nobody who is back is asked',
    plots: ['longCut', 'flapping'],
    scenario: 'old-death-believed.json',
    edits: [
      {
        file: 'daemon/core/heirs/claims.ts',
        find: '  if (isMinoritysWord(view, node)) return newsSettleMs;',
        replace: '  if (isMinoritysWord(view, node)) return 0 * newsSettleMs;',
      },
      {
        file: 'daemon/core/membership/evidence.ts',
        find: 'if (track.death === undefined && now - track.directAt < suspectAfterMs &&',
        replace: 'if (track.death === undefined && now - track.directAt < -1 &&',
      },
      ASKS_NOBODY_WHO_IS_BACK,
    ],
  },
  one({
    name: 'no-claim-limit',
    what: 'an heir claims all at once, as many as there are',
    plots: ['massFailure'],
    file: 'daemon/core/heirs/claims.ts',
    find: '  inFlight: 10,',
    replace: '  inFlight: 100_000,',
  }),
  {
    name: 'decide-incomplete',
    what: 'a peer leads and decides by what it has, complete or not',
    plots: ['freshPair'],
    edits: [
      { file: 'daemon/peer/brain.ts', find: '    if (!view.complete || view.removed) {', replace: '    if (view.removed) {' },
      { file: 'daemon/core/election/election.ts', find: '  if (!state.eligible || listens) return', replace: '  if (listens) return' },
    ],
  },
  one({
    name: 'believe-old-words',
    what: 'who is heard again after a cut is taken to run what it ran before it',
    plots: ['endedMeanwhile'],
    file: 'daemon/core/heirs/heal.ts',
    find: 'isKnownAnew(view, member) || monotonic >= member.backSince',
    replace: 'isKnownAnew(view, member) || monotonic + 1_000_000 >= member.backSince',
  }),
  {
    name: 'judges-unconnected',
    what: 'a pod is judged 3 s after its node is heard again, compared with or not, and who is heard is not dialled',
    scenario: 'heard-before-connected.json',
    edits: [
      { file: 'daemon/core/heirs/heal.ts', find: 'export const UNCOMPARED_MS = 30_000;', replace: 'export const UNCOMPARED_MS = 3_000;' },
      {
        file: 'daemon/peer/liveness.ts',
        find: '        transport.dial(decision.peer);',
        replace: "        if (decision.peer === '') transport.dial(decision.peer);",
      },
    ],
  },
  {
    name: 'claim-at-start',
    what: 'an heir that has just started claims by what its disk knew, once it has waited 3 s, and is not dialled when it is heard',
    plots: ['longAway'],
    edits: [
      {
        file: 'daemon/core/heirs/claims.ts',
        find: '  return memory.startedAt + (memory.caughtUp === false ? settings.catchUpMs : settings.newsSettleMs);',
        replace: '  return memory.startedAt + (settings.catchUpMs === 0 ? 1 : settings.newsSettleMs);',
      },
      {
        file: 'daemon/peer/liveness.ts',
        find: '        transport.dial(decision.peer);',
        replace: "        if (decision.peer === '') transport.dial(decision.peer);",
      },
    ],
  },
  one({
    name: 'claims-unasked',
    what: 'an heir claims without asking one that has just come back what it holds',
    scenario: 'claims-and-dies.json',
    ...ASKS_NOBODY_WHO_IS_BACK,
  }),
  one({
    name: 'decides-as-before',
    what: 'a peer that stood still decides at once by what it knew before',
    plots: ['napping'],
    file: 'daemon/peer/brain.ts',
    find: '    if (this.deps.antiEntropy?.fallBehind() !== true) return;',
    replace: '    if (this.deps.antiEntropy?.fallBehind() !== undefined) return;',
  }),
  {
    name: 'news-at-once',
    what: 'an heir takes the first pod that it hears of a dead node for one that it has known since the death, and asks nobody who is back',
    plots: ['lateNews'],
    edits: [
      {
        file: 'daemon/peer/brain-plan.ts',
        find: "    if (resource === 'nodes' && orphans !== undefined) noteLoss",
        replace: "    if (resource === '' && orphans !== undefined) noteLoss",
      },
      ASKS_NOBODY_WHO_IS_BACK,
    ],
  },
  one({
    name: 'each-its-own-heir',
    what: 'each peer ranks the heirs of a pod in an order of its own',
    plots: ['tight'],
    file: 'daemon/core/heirs/ranking.ts',
    find: 'const subject = textHash(pod.uid);',
    replace: "const subject = textHash(pod.uid + table['view'].self.node);",
  }),
  one({
    name: 'runs-unbound',
    what: 'a node runs pods that are bound to nobody yet',
    plots: ['quietDeath'],
    file: 'daemon/core/reconcile/judge.ts',
    find: '  const bound = view.podsOnNode(view.self.node);',
    replace: "  const bound = [...view.podsOnNode(view.self.node), ...view.podsOnNode('')];",
  }),
  {
    name: 'subnet-unseen',
    what: 'a node takes the first part of the pod range, whoever has it',
    plots: ['drains', 'removals'],
    edits: [
      {
        file: 'daemon/core/network/pod-subnets.ts',
        find: "  const others = view.list('nodes').filter(({ key }) => key !== own.key);",
        replace: "  const others = view.list('nodes').filter(({ key }) => key === '');",
      },
      { file: 'daemon/core/network/pod-subnets.ts', find: '`${facts.clusterId}\\0${node}`', replace: 'facts.clusterId' },
    ],
  },
  one({
    name: 'late-replacement',
    what: 'pods of a node that was removed are replaced after two minutes only',
    plots: ['removals'],
    file: 'daemon/core/controllers/pod-lifecycle.ts',
    find: 'export const ABSENT_NODE_QUARANTINE_MS = 40_000;',
    replace: 'export const ABSENT_NODE_QUARANTINE_MS = 120_000;',
  }),
  one({
    name: 'never-scales-down',
    what: 'pods too many are kept',
    plots: ['drains'],
    file: 'daemon/core/controllers/replicas.ts',
    find: '  if (surplus <= 0) return [];',
    replace: '  if (surplus <= 1_000) return [];',
  }),
  one({
    name: 'restless',
    what: 'the leader notes on a node when it looked at it last',
    plots: ['tight'],
    ...notesLooks(20_000),
  }),
  {
    name: 'never-rests',
    what: 'the same, and it looks at all of them every three seconds',
    plots: ['tight'],
    edits: [notesLooks(3_000), { file: 'daemon/peer/brain.ts', find: 'resyncMs: 30_000', replace: 'resyncMs: 3_000' }],
  },
  one({
    name: 'binds-again',
    what: 'the scheduler finds a node for pods that have one',
    plots: ['drains'],
    file: 'daemon/core/scheduler/bindings.ts',
    find: '  if (pod.object.kith?.binding !== undefined || !isActive(view, pod) || !isForUs(pod)) return false;',
    replace: '  if (!isActive(view, pod) || !isForUs(pod)) return false;',
  }),
  one({
    name: 'turns-away-the-begun',
    what: 'a node turns away what it has begun to start, for what was bound to it in the same moment',
    scenario: 'begun-is-turned-away.json',
    file: 'daemon/core/reconcile/judge.ts',
    find: "  for (const [uid, { intent }] of before) if (intent.want === 'run') taken.add(uid);",
    replace: "  for (const [uid, { intent }] of before) if (intent.want === 'gone') taken.add(uid);",
  }),
  one({
    name: 'strangers-stay',
    what: 'pods of a change of their slot that nobody holds any more are left alone for ever',
    scenario: 'owner-lost-what-it-had-of-its-pods.json',
    file: 'daemon/core/controllers/strangers.ts',
    find: 'export const STRANGER_MS = 60_000;',
    replace: 'export const STRANGER_MS = 60_000_000;',
  }),
  one({
    name: 'evicted-wait-for-ever',
    what: 'what was evicted waits for its replacement also where no node has room for both',
    scenario: 'evicted-waits-for-room.json',
    file: 'daemon/core/controllers/eviction-room.ts',
    find: 'const ROOM_WAIT_MS = 10_000;',
    replace: 'const ROOM_WAIT_MS = 10_000_000;',
  }),
];

function notesLooks(everyMs: number): Edit {
  return {
    file: 'daemon/core/controllers/nodes.ts',
    find: "  const diedAt = parseTime(death?.at ?? '');",
    replace: `  const diedAt = parseTime(death?.at ?? '');
  const annotations = { ...node.object.metadata.annotations, looked: String(Math.floor(now.wall / ${everyMs})) };
  const next = { ...node.object, metadata: { ...node.object.metadata, annotations } };
  if (node.object.metadata.annotations?.looked !== annotations.looked)
    return [{ do: 'write', mutations: [{ type: 'update', key: node.key, uid: node.uid, base: node.object, next }], reason: 'looked' }];`,
  };
}
