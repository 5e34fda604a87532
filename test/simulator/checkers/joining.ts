import { JOIN_TOKENS, memberKey } from '../../../daemon/app/members.ts';
import type { JoinRequest } from '../../../protocol/joining.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { JoinTokenSpec } from '../../../protocol/types.ts';
import { Violation } from '../checker.ts';
import type { Answered, Checker } from '../checker.ts';
import type { SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';

/**
 * A token lets one host in as far as the asked member can know: where it holds the member that came in by it, or is writing that down, nobody else is. Nor does it let anybody in after its
 * time, nor a host in again that was removed.
 */
export class AnytimeTokensLetOneIn implements Checker {
  readonly name = 'anytimeTokensLetOneIn';
  /** By token: who came in. */
  private readonly guests = new Map<string, Set<SimHost>>();

  onJoinAsked(by: SimHost, host: SimHost, { token }: JoinRequest, world: SimWorld): Answered | undefined {
    const { daemon } = by;
    if (daemon === undefined) return undefined;
    const { replica } = daemon;
    const guests = this.guests.get(token) ?? new Set();
    this.guests.set(token, guests);
    const before = [...guests].find((guest) => guest !== host && replica.get(memberKey(guest.id)) !== undefined);
    const isRemoved = guests.has(host) && replica.get(memberKey(host.id)) === undefined && replica.buriedLife(memberKey(host.id)) > 0;
    const spec = replica.get(objectKey(JOIN_TOKENS, '', token))?.object.spec as JoinTokenSpec | undefined;
    const isOver = spec !== undefined && Date.parse(spec.expiresAt) <= daemon.clock.now();
    return (status) => {
      if (status !== 200) return;
      guests.add(host);
      world.timeline.add(by.node, `lets ${host.node} in by token ${token}`);
      if (before !== undefined) throw this.violation(by, host, token, `it let ${before.node} in before`);
      if (isRemoved) throw this.violation(by, host, token, 'that one was removed since');
      if (isOver) throw this.violation(by, host, token, `it was good until ${spec.expiresAt}`);
    };
  }

  private violation(by: SimHost, host: SimHost, token: string, why: string): Violation {
    return new Violation(this.name, `${by.node} lets ${host.node} in by token ${token}: ${why}`);
  }
}
