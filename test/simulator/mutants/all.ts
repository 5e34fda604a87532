import { CONDUCT_MUTANTS } from './conduct.ts';
import { LIVENESS_MUTANTS } from './liveness.ts';
import type { Mutant } from './mutant.ts';
import { STATE_MUTANTS } from './state.ts';
import { WORKLOAD_MUTANTS } from './workloads.ts';

export const MUTANTS: readonly Mutant[] = [...STATE_MUTANTS, ...CONDUCT_MUTANTS, ...LIVENESS_MUTANTS, ...WORKLOAD_MUTANTS];
