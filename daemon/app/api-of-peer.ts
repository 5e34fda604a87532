import { Admission } from '../api/admission.ts';
import type { ApiDeps } from '../api/deps.ts';
import type { KithEndpoints } from '../api/kith-endpoints.ts';
import { planEviction } from '../core/controllers/eviction.ts';
import { kindsServed } from '../core/custom/served.ts';
import { conflictsAnswer, digestAnswer } from '../peer/endpoints.ts';
import { netAnswer } from '../peer/network/net-answer.ts';
import type { Peer } from '../peer/peer.ts';
import type { Clock } from '../ports/clock.ts';
import type { Replica } from '../ports/replica.ts';
import type { Admitting } from './admitting.ts';
import { JOIN_TOKENS, memberKey } from './members.ts';

export interface ServedPeer {
  peer: Peer;
  replica: Replica;
  clock: Clock;
}

type OfPeer =
  | 'objects'
  | 'desired'
  | 'logs'
  | 'streams'
  | 'kinds'
  | 'rbac'
  | 'admission'
  | 'planEviction'
  | 'nodeIsMember'
  | 'memberOf'
  | 'electors'
  | 'joinTokens'
  | 'bindingAuthor';

/** What the API asks of the peer that serves it: the same wherever a peer is put together (simulated ones, too). */
export function apiOfPeer({ peer, replica, clock }: ServedPeer): Required<Pick<ApiDeps, OfPeer>> {
  const { view } = peer;
  return {
    objects: peer.objects,
    desired: peer.writer,
    logs: peer.logs,
    streams: peer.streams,
    kinds: () => kindsServed(view),
    rbac: view,
    admission: new Admission({ view: peer.cluster }),
    planEviction: (pod) => planEviction(peer.cluster, pod, clock.now()),
    nodeIsMember: (node) => view.memberOfNode(node) !== undefined,
    memberOf: (node) => {
      const member = view.memberOfNode(node);
      return member === undefined ? undefined : view.get(memberKey(member.spec.peerId));
    },
    electors: async () => peer.electors(),
    joinTokens: () => replica.list(JOIN_TOKENS),
    bindingAuthor: () => ({ membersSeen: view.membersSeen, membersKnown: view.membersKnown, term: view.leader.term }),
  };
}

/** Likewise of Kith's own paths. */
export function kithOfPeer({ peer, replica }: ServedPeer, admitting: Admitting): Omit<Required<KithEndpoints>, 'manifests' | 'kubeconfig'> {
  return {
    peers: () => peer.peers(),
    conflicts: () => conflictsAnswer(replica),
    digest: (options) => digestAnswer(replica, options),
    sizes: () => replica.sizes(),
    net: () => netAnswer(peer.view, peer.services, peer.policies),
    doctor: async (node, signal) => peer.doctor.ask(node, signal),
    createToken: async (request) => admitting.createToken(request),
    join: async (body, connection) => admitting.join(body, connection),
  };
}
