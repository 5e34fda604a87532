import type { ClusterView } from '../core/cluster/view.ts';
import type { Transport } from '../ports/transport.ts';

/**
 * Nearest first. One that was heard and is not dead counts, too, when its connection has just broken: a write waits for it. One that was never heard since our
 * start does not.
 */
export function livePeers(view: Pick<ClusterView, 'members'>, transport: Transport): readonly string[] {
  const connected = new Set(transport.connected());
  const distance = (peer: string): number =>
    connected.has(peer) ? (transport.roundTripMs(peer) ?? Number.MAX_SAFE_INTEGER) : Number.POSITIVE_INFINITY;
  return view
    .members()
    .filter(({ peer, state, incarnation }) => peer !== transport.self && state !== 'dead' && (connected.has(peer) || incarnation > 0))
    .map(({ peer }) => ({ peer, at: distance(peer) }))
    .sort((left, right) => (left.at === right.at ? 0 : left.at - right.at))
    .map(({ peer }) => peer);
}
