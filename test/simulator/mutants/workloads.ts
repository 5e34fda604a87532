import { one } from './mutant.ts';
import type { Mutant } from './mutant.ts';

/** Bugs in leases, and in kinds of workloads. */
export const WORKLOAD_MUTANTS: readonly Mutant[] = [
  one({
    name: 'guard-sleeps',
    what: 'the guard takes no notice of the end of a lease',
    plots: ['atMostOne'],
    file: 'daemon/adapters/guard/table.ts',
    find: '(entry) => !entry.expired && entry.deadline <= now)',
    replace: '(entry) => !entry.expired && entry.deadline + 60_000 <= now)',
  }),
  one({
    name: 'voter-forgets',
    what: 'a voter that starts anew takes what it granted before for over',
    plots: ['atMostOne'],
    file: 'daemon/core/leases/record.ts',
    find: '{ term, pod, node, incarnation, released, at: now }',
    replace: '{ term, pod, node, incarnation, released, at: now - 11_000 }',
  }),
  one({
    name: 'votes-before-disk',
    what: 'a voter answers before it has saved what it granted',
    plots: ['atMostOne'],
    file: 'daemon/peer/leases/voting.ts',
    find: '    await this.#persisted();\n    return encodeLeaseAnswer(answer);',
    replace: '    void this.#persisted();\n    return encodeLeaseAnswer(answer);',
  }),
  one({
    name: 'withholds-too-short',
    what: 'a voter withholds its vote from others for a part of the lease only',
    plots: ['atMostOne'],
    file: 'daemon/core/leases/voter.ts',
    find: 'const leftMs = Math.ceil(known.at + settings.withholdMs - now);',
    replace: 'const leftMs = Math.ceil(known.at + settings.withholdMs / 2 - now);',
  }),
  {
    name: 'starts-unleased',
    what: 'what must run at most once starts without a lease, and nobody looks after it',
    plots: ['atMostOne'],
    edits: [
      {
        file: 'daemon/peer/leases/warden.ts',
        find: "    if (exclusive.is === 'any') return start(",
        replace: "    if (exclusive.is !== 'unknown') return start(",
      },
      { file: 'daemon/peer/leases/warden.ts', find: 'after(REVIEW_MS, () => {', replace: 'after(REVIEW_MS * 1e6, () => {' },
    ],
  },
  {
    name: 'completed-runs-again',
    what: 'a pod of a completion that has come to its end runs, where the other side of a cut went on with it, and is not ended',
    plots: ['jobsApart'],
    edits: [
      {
        file: 'daemon/core/controllers/slots.ts',
        find: "  if (state === undefined) return 'unknown';\n  // What has come",
        replace: "  if (state === undefined || filled.generation > state.epoch) return 'unknown';\n  // What has come",
      },
      {
        file: 'daemon/core/controllers/jobs/job.ts',
        find: '    else for (const pod of index.pods) if (isRunningPod(pass.view, pod)) end(pass, pod);',
        replace: '    else for (const pod of index.pods) if (isRunningPod(pass.view, pod) && now.wall < 0) end(pass, pod);',
      },
    ],
  },
  one({
    name: 'first-number-only',
    what: 'a StatefulSet has its first pod alone',
    plots: ['otherKinds'],
    file: 'daemon/core/controllers/stateful/stateful-view.ts',
    find: '  const wanted = Array.from({ length: replicas }, (_, index): Ordinal => {',
    replace: '  const wanted = Array.from({ length: Math.min(replicas, 1) }, (_, index): Ordinal => {',
  }),
  one({
    name: 'lease-of-nothing',
    what: 'a host renews the lease of a pod that it does not run, though another fills its slot',
    scenario: 'lease-of-nothing.json',
    file: 'daemon/peer/leases/warden.ts',
    find: "if (!runsIn(listed, uid) && ['superseded', 'surplus'].includes(",
    replace: "if (!runsIn(listed, uid) && ['surplus'].includes(",
  }),
  one({
    name: 'waits-for-its-heir',
    what: 'what must run at most once runs on where it is bound no more, until it is ready elsewhere',
    scenario: 'bound-away-under-a-lease.json',
    file: 'daemon/core/reconcile/judge.ts',
    find: "  if (exclusiveOf(view, desired).is === 'one' && serves(view, node))",
    replace: "  if (exclusiveOf(view, desired).is === 'one' && !serves(view, node) && serves(view, node))",
  }),
  one({
    name: 'removes-an-elector',
    what: 'one of the only two that vote is removed by whoever asks',
    plots: ['twoElectors'],
    file: 'daemon/api/deleting.ts',
    find: '  await checkElector(call, deps, options);',
    replace: '  if (call.name === deps.clock.toString()) await checkElector(call, deps, options);',
  }),
  one({
    name: 'asks-no-voter',
    what: 'who removes a member that votes goes by what the asked one knows of who votes',
    plots: ['twoElectors'],
    file: 'daemon/peer/leases/voting.ts',
    find: '    await Promise.all(this.#deps.transport.connected().map(',
    replace: '    await Promise.all(this.#deps.transport.connected().slice(0, 0).map(',
  }),
  one({
    name: 'confirmed-for-ever',
    what: 'a host that was confirmed dead is so for ever, though it has started since',
    plots: ['confirmedDead'],
    file: 'daemon/core/leases/confirmed.ts',
    find: ' && incarnation <= Number(confirmed);',
    replace: ' && incarnation > 0;',
  }),
  one({
    name: 'each-goes-on-alone',
    what: 'one of two electors goes on alone though nobody said that the other is off',
    plots: ['eachAlone'],
    file: 'daemon/core/leases/bereaved.ts',
    find: ' || !isDead(other, company.incarnation)) return undefined;',
    replace: ' || isDead(other, -company.incarnation)) return undefined;',
  }),
  one({
    name: 'alone-after-a-start',
    what: 'one of two electors goes on alone though it has not heard the other since its start',
    plots: ['eachAlone'],
    file: 'daemon/core/leases/bereaved.ts',
    find: `  if (company?.peer !== other || company.informed?.version !== electorate.version) return undefined;
  if (now < Math.max(state.learnedAt, company.informed.at) + settings.settleMs || !isDead(other, company.incarnation)) return undefined;`,
    replace: '  if (now < state.learnedAt + settings.settleMs || !isDead(other, company?.incarnation ?? 0)) return undefined;',
  }),
];
