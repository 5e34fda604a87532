import type { PeerReach } from '../../core/doctor/host-findings.ts';
import type { MemberView } from '../../core/cluster/view.ts';
import type { Beats } from '../../ports/beats.ts';
import { sleep, type Clock } from '../../ports/clock.ts';
import type { Prober } from '../../ports/prober.ts';
import type { Transport } from '../../ports/transport.ts';
import { DOCTOR_LIMITS } from './limits.ts';

export interface ReachDeps {
  beats: Beats;
  prober: Prober;
  transport: Pick<Transport, 'connected'>;
  clock: Clock;
}

/** How the other members can be reached from here. Those that are dead are not tried. */
export async function reachPeers(deps: ReachDeps, members: readonly MemberView[], signal: AbortSignal): Promise<PeerReach[]> {
  const answered = new Set<string>();
  const off = deps.beats.onEvent((event) => {
    if (event.type === 'probe-answer') answered.add(event.peer);
  });
  try {
    return await Promise.all(members.map((member) => reach(deps, member, answered, signal)));
  } finally {
    off();
  }
}

async function reach(
  { beats, prober, transport, clock }: ReachDeps,
  { peer, state, spec }: MemberView,
  answered: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<PeerReach> {
  const known = { node: spec.nodeName, state, address: spec.beatAddresses[0] ?? spec.peerAddresses[0] ?? peer };
  if (state === 'dead') return { ...known, connected: false, tcp: 'silent', udp: false };
  const connecting = prober.connect(spec.peerAddresses, DOCTOR_LIMITS.connectMs);
  for (let sent = 0; sent < DOCTOR_LIMITS.datagrams && !answered.has(peer) && !signal.aborted; sent += 1) {
    beats.probe(peer);
    const until = clock.monotonic() + DOCTOR_LIMITS.datagramMs;
    while (!answered.has(peer) && clock.monotonic() < until && !signal.aborted) await sleep(clock, DOCTOR_LIMITS.pollMs / 4, signal);
  }
  return { ...known, tcp: await connecting, udp: answered.has(peer), connected: transport.connected().includes(peer) };
}
