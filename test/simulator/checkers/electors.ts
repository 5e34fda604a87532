import { voterOfRecord } from '../../../daemon/core/leases/record.ts';
import { majorityOf } from '../../../protocol/leases.ts';
import type { Electorate } from '../../../protocol/leases.ts';
import { Violation } from '../checker.ts';
import type { Answered, Checker } from '../checker.ts';
import type { SimHost } from '../host.ts';
import type { Asked } from '../users.ts';
import type { SimWorld } from '../world.ts';
import { isUp } from './ways.ts';

/** The electorate that its daemon knows, else its disk; undefined: it never heard of any. */
function electorateOn({ id, disk, daemon }: SimHost): Electorate | undefined {
  const votes = disk.file('votes') as Uint8Array | undefined;
  return daemon?.peer.peers().electorate ?? (votes === undefined ? undefined : voterOfRecord(id, votes, 0).electorate);
}

/** The last of these. */
export function newestElectorate(hosts: readonly SimHost[]): Electorate | undefined {
  const known = hosts.map(electorateOn).filter((electorate) => electorate !== undefined);
  return known.sort((left, right) => right.version - left.version)[0];
}

/** Of the newest electorate no majority is there any more, nor ever will be. */
export function isElectorateLost(world: SimWorld): boolean {
  const lasting = world.lasting();
  const ids = new Set(lasting.map(({ id }) => id));
  const { members = [] } = newestElectorate(lasting) ?? {};
  return members.filter((peer) => ids.has(peer)).length < majorityOf(members.length);
}

const A_NODE = /^\/api\/v1\/nodes\/([^/?]+)$/;

/** One of the only two that vote, or the only one, is removed by nobody who does not insist, where who is asked, or somebody whom it reaches, knows that these two vote. */
export class AnytimeElectorsAreKept implements Checker {
  readonly name = 'anytimeElectorsAreKept';

  onRequest(host: SimHost, { method, target }: Asked, world: SimWorld): Answered | undefined {
    const [, node] = method === 'DELETE' && world.hasLeases ? (A_NODE.exec(target) ?? []) : [];
    const removed = world.hosts.find((each) => each.node === node);
    if (removed === undefined) return undefined;
    const reached = world.hosts.filter((other) => other === host || (isUp(other) && isReached(world, host.id, other.id)));
    const hangsOn = ({ members }: Electorate): boolean => members.length <= 2 && members.includes(removed.id);
    const asked = newestElectorate(reached);
    if (asked === undefined || !hangsOn(asked)) return undefined;
    return (status = 0) => {
      const now = newestElectorate(reached);
      if (status < 200 || status >= 300 || now === undefined || !hangsOn(now)) return;
      const who = now.members.length === 1 ? `${now.members[0]} votes` : `${now.members.join(' and ')} vote`;
      throw new Violation(
        this.name,
        `${host.node} removes ${removed.node}, and only ${who}: nothing that runs at most once ever starts again`,
      );
    };
  }
}

function isReached({ network }: SimWorld, one: string, other: string): boolean {
  return network.connected(one, other) && network.isSound(one, other) && network.isSound(other, one);
}
