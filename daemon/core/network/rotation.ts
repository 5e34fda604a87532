import type { ServiceEndpoint } from './service-types.ts';

/** An endpoint before it is known who else there is. */
export interface Candidate extends Omit<ServiceEndpoint, 'inCluster' | 'inLocal'> {
  /** The best rank that anybody has is in rotation. */
  rank: Rank;
}

/**
 * `ready`; `doubted`: ready as far as is known, but its node is under suspicion or has not spoken since it started; `last`: it ends, and serves until then. The
 * first two keep traffic from a host that may be gone without ever leaving a service empty; the third is upstream's (ProxyTerminatingEndpoints).
 */
export type Rank = 'ready' | 'doubted' | 'last' | 'out';

const IN_TURN: readonly Rank[] = ['ready', 'doubted', 'last'];

/** Says of each whether it takes traffic, and why. */
export function rotate(candidates: readonly Candidate[]): ServiceEndpoint[] {
  const best = bestRank(candidates);
  const bestLocal = bestRank(candidates.filter(({ local }) => local));
  return candidates.map(({ rank, ...endpoint }) => {
    const inCluster = rank === best;
    const why =
      rank === 'ready' || rank === 'out' ? endpoint.why : `${endpoint.why}; ${inCluster ? 'nobody better is left' : 'others serve'}`;
    return { ...endpoint, inCluster, inLocal: endpoint.local && rank === bestLocal, why };
  });
}

function bestRank(candidates: readonly Candidate[]): Rank | undefined {
  return IN_TURN.find((rank) => candidates.some((candidate) => candidate.rank === rank));
}
