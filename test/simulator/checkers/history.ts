import type { ReplicaChange } from '../../../protocol/desired.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';

/** A pod that is bound is not bound elsewhere: only of two bindings that were made without knowing of each other another may win. */
export class AnytimeBoundOnce implements Checker {
  readonly name = 'anytimeBoundOnce';

  onBoot(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    replica.onChanged((changes) => world.guard(() => changes.forEach((change) => this.look(host, change))));
  }

  private look({ node }: SimHost, { key, before, after }: ReplicaChange): void {
    const [was, is] = [before?.object.kith?.binding, after?.object.kith?.binding];
    if (before?.uid !== after?.uid || was === undefined || is?.node === was.node) return;
    if (after?.conflicts.some(({ path }) => path === '/kith/binding') === true) return;
    throw new Violation(this.name, `${key} was bound to ${was.node}, and at ${node} it is bound to ${is?.node ?? 'nothing'} now`);
  }
}

/** A slot never goes back to a state before the one it has, and who has claimed it keeps it: only of two claims that did not know of each other another may win. */
export class AnytimeSlotsGoForward implements Checker {
  readonly name = 'anytimeSlotsGoForward';

  onBoot(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    replica.onChanged((changes) => world.guard(() => changes.forEach((change) => this.look(host, change))));
  }

  private look({ node }: SimHost, { key, before, after }: ReplicaChange): void {
    if (before === undefined || before.uid !== after?.uid) return;
    for (const [slot, was] of Object.entries(before.object.kith?.slots ?? {})) {
      const is = after.object.kith?.slots?.[slot];
      // What ended for good beats whatever was made of the slot meanwhile.
      if (is === undefined || is.epoch > was.epoch || (is.done !== undefined && is.done !== was.done)) continue;
      const isSame = is.epoch === was.epoch && is.generation === was.generation;
      const isDecided = after.conflicts.some(({ path }) => path === `/kith/slots/${slot}`);
      if (isSame && is.claim?.node !== was.claim?.node && !isDecided)
        throw new Violation(this.name, `${node}: slot ${slot} of ${key} was claimed by ${was.claim?.node}, and is ${is.claim?.node}'s now`);
      if (is.epoch === was.epoch && is.generation >= was.generation) continue;
      const [from, to] = [was, is].map(({ epoch, generation }) => `epoch ${epoch}, generation ${generation}`);
      throw new Violation(this.name, `slot ${slot} of ${key} goes back at ${node} from ${from} to ${to}`);
    }
  }
}
