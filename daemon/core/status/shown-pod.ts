import type { PodSpec } from '../../../protocol/types.ts';
import { accountOf } from '../accounts/account-volume.ts';
import { withDefaultPriority, withoutShownPriority } from '../admission/priority.ts';

/** What upstream writes into every pod that it admits is shown here, and not stored: controllers' pods would grow by it. */
export function shownPodSpec(spec: PodSpec, node?: string): PodSpec {
  const account = accountOf(spec);
  return {
    ...withDefaultPriority(spec),
    serviceAccountName: account,
    serviceAccount: account,
    ...(node === undefined ? {} : { nodeName: node }),
  };
}

/** What a client sends back of a pod that it was shown, without what was shown as a default and is not stored. */
export function withoutShownDefaults(sent: PodSpec, stored: PodSpec): PodSpec {
  const { serviceAccountName, serviceAccount, ...rest } = withoutShownPriority(sent, stored);
  if (stored.serviceAccountName === undefined && serviceAccountName === accountOf(stored)) return rest;
  return {
    ...rest,
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    ...(serviceAccount === undefined ? {} : { serviceAccount }),
  };
}
