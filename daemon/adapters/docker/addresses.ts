import { contains, formatAddress } from '../../../protocol/values/ipv4.ts';
import type { Subnet } from '../../../protocol/values/ipv4.ts';
import { podAddresses } from './subnet.ts';

/** A pod of this node and its address. */
export interface Holder {
  uid: string;
  namespace: string;
  name: string;
  /** Empty: the engine chose it, of a network that is not ours. */
  address: string;
  /** A pause container holds it; else the pod's one container does. */
  paused: boolean;
  /** Its pause container was made: from then on the engine tells whether it is there. */
  made?: true;
}

/**
 * Which pod of this node has which address of its network. What is there when the daemon starts is read off the engine's labels once; after that this book is
 * ahead of the engine: an address is taken here, in one step, before the engine hears of it, and given back after the engine has forgotten the pod.
 */
export class AddressBook {
  readonly #holders = new Map<string, Holder>();
  /** The next address to look at. One that was given back rests as long as there are others: connections to it may live on elsewhere. */
  #next = 0;

  get isEmpty(): boolean {
    return this.#holders.size === 0;
  }

  of(uid: string): Holder | undefined {
    return this.#holders.get(uid);
  }

  holders(): Iterable<Holder> {
    return this.#holders.values();
  }

  /** Notes what the engine already knows. */
  adopt(holder: Holder): void {
    this.#holders.set(holder.uid, holder);
  }

  /** The address that the pod has, if it is of this subnet and not among `refused`; else a free one. Undefined when there is none. */
  take(
    pod: Pick<Holder, 'uid' | 'namespace' | 'name'>,
    paused: boolean,
    subnet: Subnet,
    refused: ReadonlySet<string> = new Set(),
  ): string | undefined {
    const before = this.#holders.get(pod.uid)?.address ?? '';
    if (before !== '' && contains(subnet, before) && !refused.has(before)) return before;
    const taken = new Set([...refused, ...[...this.#holders.values()].map(({ address }) => address)]);
    const { first, count } = podAddresses(subnet);
    for (let step = 0; step < count; step += 1) {
      const at = (this.#next + step) % count;
      const address = formatAddress(first + at);
      if (taken.has(address)) continue;
      this.#next = at + 1;
      this.#holders.set(pod.uid, { uid: pod.uid, namespace: pod.namespace, name: pod.name, address, paused });
      return address;
    }
    return undefined;
  }

  release(uid: string): void {
    this.#holders.delete(uid);
  }
}
