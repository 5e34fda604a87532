import { one } from './mutant.ts';
import type { Mutant } from './mutant.ts';

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
    what: 'a death that a minority declared is believed, and acted on, at once',
    plots: ['longCut', 'flapping'],
    edits: [
      {
        file: 'daemon/core/heirs/claims.ts',
        find: "isMinoritysWord(view, boundNode(orphan) ?? '') ? settings.newsSettleMs : 0",
        replace: "isMinoritysWord(view, boundNode(orphan) ?? '') ? 0 : 0",
      },
      {
        file: 'daemon/core/membership/evidence.ts',
        find: 'if (track.death === undefined && now - track.directAt < suspectAfterMs &&',
        replace: 'if (track.death === undefined && now - track.directAt < -1 &&',
      },
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
    name: 'void-own-word',
    what: 'a node that refuted its death takes its own older reports for no reports, and its pods for stopped',
    plots: ['flapping', 'thaws'],
    file: 'daemon/core/heirs/heal.ts',
    find: '    const lookAgainAt = Math.max(member.since, member.incarnationSince) + RETURN_REPORT_MS;',
    replace: '    const lookAgainAt = member.since + RETURN_REPORT_MS;',
  }),
  one({
    name: 'claim-at-start',
    what: 'an heir that has just started claims by what its disk knew',
    plots: ['quietDeath', 'crashingStarts'],
    file: 'daemon/core/heirs/claims.ts',
    find: '  return memory.startedAt + (memory.caughtUp === false ? settings.catchUpMs : settings.newsSettleMs);',
    replace: '  return memory.startedAt + (memory.caughtUp === false ? settings.newsSettleMs : settings.newsSettleMs);',
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
    file: 'daemon/core/controllers/nodes.ts',
    find: "  const diedAt = parseTime(death?.at ?? '');",
    replace:
      "  const diedAt = parseTime(death?.at ?? '');\n  const annotations = { ...node.object.metadata.annotations, looked: String(Math.floor(now.wall / 20_000)) };\n  const next = { ...node.object, metadata: { ...node.object.metadata, annotations } };\n  if (node.object.metadata.annotations?.looked !== annotations.looked)\n    return [{ do: 'write', mutations: [{ type: 'update', key: node.key, uid: node.uid, base: node.object, next }], reason: 'looked' }];",
  }),
  one({
    name: 'binds-again',
    what: 'the scheduler finds a node for pods that have one',
    plots: ['drains'],
    file: 'daemon/core/scheduler/bindings.ts',
    find: '  if (pod.object.kith?.binding !== undefined || !isActive(view, pod) || !isForUs(pod)) return false;',
    replace: '  if (!isActive(view, pod) || !isForUs(pod)) return false;',
  }),
];
