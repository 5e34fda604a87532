import { ApiError } from '../../cli/errors.ts';
import type { Random } from '../../daemon/ports/clock.ts';
import type { LabCluster } from '../lab/cluster.ts';
import type { LabHost } from '../lab/types.ts';
import { waitFor } from '../support/wait.ts';
import { callHost } from './call.ts';

/** One host comes or goes in a round, so that what must become of it is certain. `remove`: while it is on and may hear of it; it may be cut off, though. */
export interface PlannedChange {
  atMs: number;
  do: 'join' | 'remove' | 'remove while off';
  host: number;
}

const CHANGES_SHARE = 0.6;
const JOIN_TRIES = 3;
/** Until a host that was removed has heard so, has stopped its pods, and the others show it no more; and until a joiner is one of them. */
const CHANGED_MS = 120_000;

/** What a round does to the members. The same random numbers give the same plan. @param normal as many members are normal: there is one more or less at most */
export function planChange(
  random: Random,
  { members, away }: { members: readonly number[]; away: readonly number[] },
  normal: number,
  roundMs: number,
): PlannedChange | undefined {
  const [happens, which, when, whom] = [random.next(), random.next(), random.next(), random.next()];
  if (happens >= CHANGES_SHARE) return undefined;
  const atMs = Math.floor((when * roundMs) / 2);
  if (members.length <= normal && (members.length < normal || which < 0.5))
    return { atMs, do: 'join', host: away[0] ?? Math.max(...members) + 1 };
  return { atMs, do: which < 0.75 ? 'remove' : 'remove while off', host: members[Math.floor(whom * members.length)]! };
}

export function changeText({ do: what, host }: PlannedChange): string {
  return what === 'remove while off' ? `remove host-${host} while it is off` : `${what} host-${host}`;
}

/** Which of the lab's hosts are members, and how that changes. A host that was removed joins anew later, with the same name and an empty disk. */
export class Roster {
  readonly #cluster: LabCluster;
  readonly #random: Random;
  readonly #members: Set<number>;

  constructor(cluster: LabCluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
    this.#members = new Set(cluster.lab.hosts.map(({ number }) => number));
  }

  get members(): number[] {
    return [...this.#members].sort((left, right) => left - right);
  }

  get away(): number[] {
    return this.#cluster.lab.hosts.map(({ number }) => number).filter((number) => !this.#members.has(number));
  }

  hosts(): LabHost[] {
    return this.members.map((number) => this.#cluster.lab.host(number));
  }

  /** Before the round: what takes time and is no part of it. */
  async prepare(change: PlannedChange): Promise<void> {
    if (change.do !== 'join') return;
    const { lab } = this.#cluster;
    const host = change.host > lab.hosts.length ? await lab.addHost() : lab.host(change.host);
    if (host.isOn) await this.#forget(host);
    await host.start({ daemon: false });
  }

  /** In the middle of it: tried once. */
  async attempt(change: PlannedChange): Promise<void> {
    const host = this.#cluster.lab.host(change.host);
    if (change.do === 'join') return host.startDaemon({ joinToken: await tokenOf(this.#other(host)) });
    if (change.do === 'remove while off') await host.kill();
    await removeAt(this.#other(host), host);
  }

  /** After the round, when nothing hurts any more: it happens. From now on the host is a member, or is none. */
  async insist(change: PlannedChange): Promise<void> {
    const host = this.#cluster.lab.host(change.host);
    if (change.do === 'join') {
      await this.#join(host);
      this.#members.add(host.number);
      return;
    }
    this.#members.delete(host.number);
    await waitFor(`${host.node} is removed`, async () => removeAt(this.#other(host), host).then(() => true), { timeoutMs: CHANGED_MS });
  }

  /** What must hold of the members, and of the one that was removed just now. */
  async check(change: PlannedChange | undefined): Promise<void> {
    const nodes = this.hosts().map(({ node }) => node);
    await waitFor(
      `the members are ${nodes.join(', ')} and no others`,
      async () => {
        const views = await Promise.all(this.hosts().map(async (host) => host.peers()));
        return (
          views.every(({ peers }) =>
            sameNames(
              peers.map(({ node }) => node),
              nodes,
            ),
          ) && (await this.#showNodes(nodes))
        );
      },
      { timeoutMs: CHANGED_MS, everyMs: 100 },
    );
    if (change === undefined || change.do === 'join') return;
    const gone = this.#cluster.lab.host(change.host);
    await waitFor(`${gone.node} has heard that it was removed`, async () => (await gone.peers()).removed, {
      timeoutMs: CHANGED_MS,
      everyMs: 100,
    });
    await waitFor(`${gone.node} runs nothing`, async () => (await this.#cluster.running([gone])).size === 0, {
      timeoutMs: CHANGED_MS,
      everyMs: 100,
    });
  }

  /** The one that was removed is switched off, and forgets. */
  async retire(change: PlannedChange | undefined): Promise<void> {
    if (change === undefined || change.do === 'join') return;
    await this.#forget(this.#cluster.lab.host(change.host));
  }

  async #forget(host: LabHost): Promise<void> {
    await host.kill();
    await host.wipe();
  }

  async #join(host: LabHost): Promise<void> {
    let last: unknown;
    for (let attempt = 0; attempt < JOIN_TRIES; attempt += 1) {
      try {
        if (!host.daemonRuns) await host.startDaemon({ joinToken: await tokenOf(this.#other(host)) });
        await waitFor(`${host.node} is complete`, async () => (await host.peers()).complete, { timeoutMs: CHANGED_MS, everyMs: 100 });
        return;
      } catch (error) {
        last = error;
      }
    }
    throw new Error(`${host.node} could not join: ${(last as Error).message}`, { cause: last });
  }

  async #showNodes(nodes: readonly string[]): Promise<boolean> {
    const lists = await Promise.all(this.hosts().map(async (host) => this.#cluster.list(host, '/api/v1/nodes')));
    return lists.every((list) =>
      sameNames(
        list.map(({ metadata }) => metadata.name),
        nodes,
      ),
    );
  }

  #other(than: LabHost): LabHost {
    const others = this.hosts().filter((host) => host !== than && host.isOn && host.daemonRuns);
    const other = others[Math.floor(this.#random.next() * others.length)];
    if (other === undefined) throw new Error('no other member is there to ask');
    return other;
  }
}

function sameNames(left: readonly string[], right: readonly string[]): boolean {
  return [...left].sort().join() === [...right].sort().join();
}

async function tokenOf(host: LabHost): Promise<string> {
  return (await callHost<{ token: string }>(host, 'POST', '/kith.dev/v1/tokens', {})).value.token;
}

async function removeAt(asked: LabHost, host: LabHost): Promise<void> {
  await callHost(asked, 'DELETE', `/api/v1/nodes/${host.node}`).catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  });
}
