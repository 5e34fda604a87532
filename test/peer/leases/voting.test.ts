import { afterEach, describe, expect, it } from 'vitest';
import { leaseSettings } from '../../../protocol/leases.ts';
import { Voting } from '../../../daemon/peer/leases/voting.ts';
import { MemoryVoteBook } from '../../support/memory-guard.ts';
import { MemoryNetwork } from '../../support/memory-transport.ts';
import { silentLog } from '../../support/silent-log.ts';
import { seededRandom, VirtualClock } from '../../support/virtual-clock.ts';

const NAMES = ['a', 'b', 'c'];
const WEB = 'default/web/0';
const settled = 3 * leaseSettings.settleMs;
const running: Voting[] = [];
afterEach(() => running.splice(0).forEach((voting) => voting.stop()));

class World {
  readonly clock = new VirtualClock();
  readonly random = seededRandom(1);
  readonly network = new MemoryNetwork({ clock: this.clock, random: this.random });
  readonly books = new Map(NAMES.map((name) => [name, new MemoryVoteBook()]));
  readonly voters = new Map<string, Voting>();
  electors = NAMES;
  readonly confirmedDead = new Set<string>();

  async start(name: string): Promise<Voting> {
    this.voters.get(name)?.stop();
    const transport = this.network.transport(name);
    transport.setMembers(NAMES.map((peer) => ({ peer, addresses: [] })));
    const { clock, random } = this;
    const voting = new Voting(
      {
        transport,
        book: this.books.get(name)!,
        bootClock: () => clock.monotonic(),
        clock,
        random,
        log: silentLog,
        electors: () => (name === 'a' ? this.electors.map((peer) => ({ peer, alive: true })) : undefined),
        isConfirmedDead: (peer) => this.confirmedDead.has(peer),
      },
      { incarnation: () => 1 },
    );
    running.push(voting);
    this.voters.set(name, voting);
    await voting.start(new AbortController().signal, { founder: name === 'a' });
    await transport.start();
    return voting;
  }

  static async of(): Promise<World> {
    const world = new World();
    for (const name of NAMES) await world.start(name);
    const everybody = (): boolean => [...world.voters.values()].every(({ electorate }) => electorate.members.length === NAMES.length);
    expect(await world.clock.pass(settled, everybody)).toBe(true);
    return world;
  }

  holds(name: string): boolean {
    const voting = this.voters.get(name)!;
    return voting.party.holds(WEB, `pod-${name}`, voting.now());
  }

  want(name: string): void {
    const voting = this.voters.get(name)!;
    voting.party.want(WEB, `pod-${name}`, voting.now());
    voting.wake();
  }
}

describe('votes between peers', () => {
  it('are known of, when asked, by who does not vote yet', async () => {
    const world = new World();
    for (const name of NAMES) await world.start(name);
    const [, , last] = NAMES.map((name) => world.voters.get(name)!);
    expect(await world.clock.pass(settled, () => world.voters.get('b')!.electorate.members.length === 2)).toBe(true);
    expect(last!.electorate.members).toEqual([]);
    const asked = last!.newestElectorate();
    await world.clock.pass(100);
    expect((await asked).members).toEqual(['a', 'b']);
  });

  it('can be gone on without as soon as there are two who vote: each asks the other at once', async () => {
    const world = new World();
    world.electors = ['a', 'b'];
    for (const name of world.electors) await world.start(name);
    const members = (): readonly string[] => world.voters.get('b')!.electorate.members;
    expect(await world.clock.pass(settled, () => members().length === 2)).toBe(true);
    await world.clock.pass(50);
    world.network.partition(['a'], ['b']);
    world.confirmedDead.add('a');
    expect(await world.clock.pass(settled, () => members().length === 1)).toBe(true);
    expect(members()).toEqual(['b']);
  });

  it('grow the electorate from the founder to all members, and give one of two candidates the lease within a second', async () => {
    const world = await World.of();
    world.want('b');
    expect(await world.clock.pass(1_000, () => world.holds('b'))).toBe(true);
    world.want('c');
    await world.clock.pass(30_000);
    expect([world.holds('b'), world.holds('c')]).toEqual([true, false]);
  });

  it('move the lease when its holder is cut off, not before its time is over, and at once when it is given back', async () => {
    const world = await World.of();
    world.want('a');
    await world.clock.pass(1_000, () => world.holds('a'));
    world.network.partition(['a'], ['b', 'c']);
    world.want('b');
    let overlap = false;
    const moved = (): boolean => {
      overlap ||= world.holds('a') && world.holds('b');
      return world.holds('b');
    };
    const cutAt = world.clock.monotonic();
    expect(await world.clock.pass(20_000, moved)).toBe(true);
    expect(overlap).toBe(false);
    expect(world.clock.monotonic() - cutAt).toBeGreaterThan(leaseSettings.withholdMs - leaseSettings.renewMs);
    world.want('c');
    const b = world.voters.get('b')!;
    b.send(b.party.drop(WEB, 'pod-b'));
    expect(await world.clock.pass(5_000, () => world.holds('c'))).toBe(true);
  });

  it('are on disk before they are told; a renewal writes nothing; who restarts knows the electorate and withholds', async () => {
    const world = await World.of();
    world.want('b');
    await world.clock.pass(1_000, () => world.holds('b'));
    const { writes } = world.books.get('c')!;
    await world.clock.pass(20_000);
    expect(world.books.get('c')!.writes).toBe(writes);
    const restarted = await world.start('c');
    expect(restarted.electorate.members).toEqual(NAMES);
    world.want('c');
    await world.clock.pass(20_000);
    expect([world.holds('b'), world.holds('c')]).toEqual([true, false]);
  });

  it('are not given by who can not remember', async () => {
    const world = await World.of();
    world.books.get('c')!.damaged = true;
    await world.start('c');
    world.network.partition(['b'], ['a', 'c']);
    world.want('a');
    expect(await world.clock.pass(20_000, () => world.holds('a'))).toBe(false);
    world.network.healAll();
    expect(await world.clock.pass(5_000, () => world.holds('a'))).toBe(true);
  });
});
