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
    name: 'withholds-too-short',
    what: 'a voter withholds its vote from others for a part of the lease only',
    plots: ['atMostOne'],
    file: 'daemon/core/leases/voter.ts',
    find: 'const leftMs = Math.ceil(known.at + settings.withholdMs - now);',
    replace: 'const leftMs = Math.ceil(known.at + settings.withholdMs / 2 - now);',
  }),
];
