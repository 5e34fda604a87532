import type { DraftObject, KubeObject } from '../objects.ts';
import { cronJobKind } from './cron-job.ts';
import type { KindDefinition } from './kind.ts';
import { apiVersionOf } from './kind.ts';
import { podDisruptionBudgetKind } from './stored/policy.ts';

/**
 * Versions that upstream no longer serves (since 1.25) and clients up to 1.20 know no other of: their typed clients take an answer in no other version. The fields are those of
 * the version that is stored.
 */
export const retiredKinds: readonly KindDefinition[] = [cronJobKind, podDisruptionBudgetKind].map((kind) => {
  const version = 'v1beta1';
  const inApiVersion = <T extends DraftObject | KubeObject>(each: T, apiVersion: string): T => ({ ...each, apiVersion });
  return {
    ...kind,
    version,
    storedAs: {
      kind,
      to: (draft) => inApiVersion(draft, apiVersionOf(kind)),
      from: (shown) => inApiVersion(shown, `${kind.group}/${version}`),
    },
  };
});
