import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Cell } from '../support/cell/cell.ts';
import { linkName, NO_HURTS, renderRules, type NetworkHurts, type SlowLink } from './network-rules.ts';
import type { LabHost, LabNetwork } from './types.ts';

export const hostAddress = (number: number): string => `10.77.0.${number}`;
/** Of a host on the other side of the router. */
export const farAddress = (number: number): string => `10.78.0.${number}`;
const FAR_SWITCH_ADDRESS = '10.78.0.254';
export const SWITCH_ADDRESS = '10.77.0.254';
export const MAX_HOSTS = 200;

/** Two links, and a router between them. */
const SWITCH_SET_UP = `hostname switch
ip link set lo up
ip link add lab type bridge stp_state 0 forward_delay 0
ip address add ${SWITCH_ADDRESS}/24 dev lab
ip link set lab up
ip link add far type bridge stp_state 0 forward_delay 0
ip address add ${FAR_SWITCH_ADDRESS}/24 dev far
ip link set far up
echo 1 > /proc/sys/net/ipv4/ip_forward
`;
/** Queue in front of a slow link, as long as this takes to empty; more is lost. */
const SLOW_QUEUE_MS = 1_000;

/** The switch in the middle, with a cable to every host that is on. What hurts is kept in its folder and carried out again when a host comes back. */
export class SwitchedNetwork implements LabNetwork {
  readonly #cell: Cell;
  /** One change after the other: each begins with what the one before has left. */
  #last: Promise<void> = Promise.resolve();

  constructor(cell: Cell) {
    this.#cell = cell;
  }

  async start(): Promise<void> {
    await this.#cell.start({ setUp: SWITCH_SET_UP });
  }

  /** Plugs a cable into the switch and, as eth0, into the network namespace of that process. */
  async connect(host: number, pid: number, isFar = false): Promise<void> {
    const link = linkName(host);
    await this.#ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
    await this.#ip('link', 'set', link, 'master', isFar ? 'far' : 'lab');
    const hurts = this.hurts();
    await this.#carryOutLink(host, hurts);
  }

  /** The cable is gone, at both ends; no word of what runs at the other end gets out any more. */
  async disconnect(host: number): Promise<void> {
    if (await this.#hasLink(host)) await this.#ip('link', 'delete', linkName(host));
  }

  async unplug(host: LabHost): Promise<void> {
    await this.#change([host.number], (hurts) => ({ ...hurts, unplugged: [...without(hurts.unplugged, host.number), host.number] }));
  }

  async plug(host: LabHost): Promise<void> {
    await this.#change([host.number], (hurts) => ({ ...hurts, unplugged: without(hurts.unplugged, host.number) }));
  }

  async cut(from: readonly LabHost[], to: readonly LabHost[], options: { oneWay?: boolean } = {}): Promise<void> {
    const added = pairs(from, to, options.oneWay === true);
    await this.#change([], (hurts) => ({ ...hurts, cuts: [...withoutPairs(hurts.cuts, added), ...added] }));
  }

  async uncut(from: readonly LabHost[], to: readonly LabHost[]): Promise<void> {
    await this.#change([], (hurts) => ({ ...hurts, cuts: withoutPairs(hurts.cuts, pairs(from, to, false)) }));
  }

  async drop(host: LabHost, share: number): Promise<void> {
    if (!(share >= 0 && share <= 1)) throw new Error(`a share is from 0 to 1, not ${share}`);
    await this.#change([], ({ drops, ...hurts }) => ({ ...hurts, drops: replaced(drops, host.number, share === 0 ? undefined : share) }));
  }

  async slow(host: LabHost, limit: SlowLink | undefined): Promise<void> {
    await this.#change([host.number], ({ slow, ...hurts }) => ({ ...hurts, slow: replaced(slow, host.number, limit) }));
  }

  async heal(): Promise<void> {
    const { unplugged, slow } = this.hurts();
    await this.#change([...unplugged, ...Object.keys(slow).map(Number)], () => NO_HURTS);
  }

  hurts(): NetworkHurts {
    return existsSync(this.#file) ? (JSON.parse(readFileSync(this.#file, 'utf8')) as NetworkHurts) : NO_HURTS;
  }

  get #file(): string {
    return path.join(this.#cell.folder, 'hurts.json');
  }

  async #change(links: readonly number[], change: (hurts: NetworkHurts) => NetworkHurts): Promise<void> {
    const turn = this.#last.then(() => this.#carryOut(links, change));
    this.#last = turn.catch(() => undefined);
    await turn;
  }

  /** Kept only when it could be carried out. */
  async #carryOut(links: readonly number[], change: (hurts: NetworkHurts) => NetworkHurts): Promise<void> {
    const before = this.hurts();
    const after = change(before);
    if (JSON.stringify([before.cuts, before.drops]) !== JSON.stringify([after.cuts, after.drops])) {
      await this.#cell.inNetwork(['nft', '-f', '-'], { input: renderRules(after) });
    }
    for (const link of links) if (await this.#hasLink(link)) await this.#carryOutLink(link, after);
    await writeFile(`${this.#file}.next`, JSON.stringify(after));
    await rename(`${this.#file}.next`, this.#file);
  }

  async #carryOutLink(host: number, hurts: NetworkHurts): Promise<void> {
    const link = linkName(host);
    const limit = hurts.slow[host];
    await this.#cell.inNetwork(['tc', 'qdisc', 'delete', 'dev', link, 'root']).catch(() => undefined);
    if (limit !== undefined && 'kbitPerSecond' in limit) {
      // At least two frames, and what the line carries in 10 ms.
      const burstBytes = Math.max(4_096, Math.ceil((limit.kbitPerSecond * 1_000) / 8 / 100));
      const shape = ['tbf', 'rate', `${limit.kbitPerSecond}kbit`, 'burst', `${burstBytes}b`, 'latency', `${SLOW_QUEUE_MS}ms`];
      await this.#cell.inNetwork(['tc', 'qdisc', 'add', 'dev', link, 'root', ...shape]);
    } else if (limit !== undefined) {
      await this.#cell
        .inNetwork(['tc', 'qdisc', 'add', 'dev', link, 'root', 'netem', 'delay', `${limit.delayMs}ms`])
        .catch((error: unknown) => {
          throw new Error(`fixed delays need the kernel's netem (CONFIG_NET_SCH_NETEM), which this one lacks: ${(error as Error).message}`);
        });
    }
    await this.#ip('link', 'set', link, hurts.unplugged.includes(host) ? 'down' : 'up');
  }

  async #hasLink(host: number): Promise<boolean> {
    return this.#ip('link', 'show', linkName(host)).then(
      () => true,
      () => false,
    );
  }

  async #ip(...words: string[]): Promise<string> {
    return this.#cell.inNetwork(['ip', ...words]);
  }
}

function pairs(from: readonly LabHost[], to: readonly LabHost[], oneWay: boolean): NetworkHurts['cuts'] {
  return from.flatMap(({ number: a }) =>
    to.flatMap(({ number: b }) => (a === b ? [] : [{ from: a, to: b }, ...(oneWay ? [] : [{ from: b, to: a }])])),
  );
}

function withoutPairs(cuts: NetworkHurts['cuts'], removed: NetworkHurts['cuts']): NetworkHurts['cuts'] {
  return cuts.filter((cut) => !removed.some(({ from, to }) => cut.from === from && cut.to === to));
}

function without(numbers: readonly number[], removed: number): number[] {
  return numbers.filter((number) => number !== removed);
}

function replaced<T>(record: Record<number, T>, key: number, value: T | undefined): Record<number, T> {
  const { [key]: _, ...rest } = record;
  return value === undefined ? rest : { ...rest, [key]: value };
}
