import type { ObjectKey } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { MemberSpec } from '../../../protocol/types.ts';
import type { ClusterView, MemberView } from '../cluster/view.ts';
import type { Candidate } from './rotation.ts';

/** The Service by which pods find the API. Its endpoints are the members; each host's own takes what comes from that host's pods. */
export const API_SERVICE: ObjectKey = objectKey('services', 'default', 'kubernetes');

export interface ApiAddress {
  host: string;
  port: number;
}

/** Where a member's API listens; the first of its addresses. */
export function apiAddressOf({ apiAddresses }: MemberSpec): ApiAddress | undefined {
  const match = /^https:\/\/\[?([^\]/]+?)\]?:(\d+)$/.exec(apiAddresses[0] ?? '');
  return match === null ? undefined : { host: match[1] ?? '', port: Number(match[2]) };
}

export function apiCandidates(view: ClusterView): Candidate[] {
  return view.members().flatMap((member) => {
    const address = apiAddressOf(member.spec);
    return address === undefined ? [] : [candidate(view, member, address)];
  });
}

function candidate(view: ClusterView, { state, spec }: MemberView, { host, port }: ApiAddress): Candidate {
  const own = spec.nodeName === view.self.node;
  const alive = state !== 'dead';
  return {
    ip: host,
    port,
    node: spec.nodeName,
    local: own,
    ready: alive,
    serving: alive,
    terminating: false,
    lost: !alive,
    rank: own ? 'ready' : 'out',
    why: own ? "this host's API" : 'the API of another host',
  };
}
