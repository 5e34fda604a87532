import { FENCING_TOKEN_ANNOTATION } from '../../../protocol/leases.ts';
import type { Pod } from '../../../protocol/types.ts';

/** The pod as the downward API is to show it: with the number of its lease. Later copies have greater ones. */
export function withToken(pod: Pod, token: number | undefined): Pod {
  if (token === undefined) return pod;
  const annotations = { ...pod.metadata.annotations, [FENCING_TOKEN_ANNOTATION]: String(token) };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}
