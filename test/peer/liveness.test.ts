import { afterEach, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../protocol/json.ts';
import { livenessSettings } from '../../protocol/liveness.ts';
import { LivenessWorld } from '../support/liveness-world.ts';
import { testSeed } from '../support/virtual-clock.ts';

let world: LivenessWorld;
async function cluster(count: number, name: string): Promise<LivenessWorld> {
  world = new LivenessWorld(testSeed(name), count);
  await world.start();
  return world;
}
afterEach(() => {
  for (const peer of world.peers.values()) {
    peer.liveness.stop();
    peer.observed.stop();
  }
});

const states = (): string[] => [...world.peers.values()].flatMap((peer) => peer.liveness.members().map((member) => member.state));
const allBelieve = (about: string, state: string) => (): boolean => world.others(about).every((peer) => peer.believes(about) === state);
const leadersOf = (ids: readonly string[]): Set<string> =>
  new Set(ids.map((id) => JSON.stringify({ ...world.peer(id).liveness.leader(), isSelf: 0 })));

describe('liveness in a cluster', () => {
  it.each([2, 3, 7, 20])('finds all of %i peers alive, and one leader that all follow', async (count) => {
    await cluster(count, 'all alive');
    expect(new Set(states())).toEqual(new Set(['alive']));
    expect(leadersOf(world.ids).size).toBe(1);
    expect([...world.peers.values()].filter((peer) => peer.liveness.leader().isSelf)).toHaveLength(1);
  });

  it('lets a peer without others lead itself', async () => {
    await cluster(1, 'alone');
    expect(world.peer('peer000').liveness.leader()).toEqual({ term: 1, peer: 'peer000', isSelf: true });
  });

  it.each([2, 3, 5, 20])('declares a silent peer dead everywhere within 1.5 s, in a cluster of %i', async (count) => {
    await cluster(count, 'silent peer');
    for (let round = 0; round < Math.min(3, count - 1); round += 1) {
      const victim = world.ids[round * 2 + 1] ?? world.ids[1]!;
      if (world.peer(victim).kernel === 'silent') continue;
      await world.clock.pass(world.random.next() * 250);
      world.kill(victim, 'silent');
      const survivors = world.others().filter((peer) => peer.kernel !== 'silent');
      const dead = await world.clock.pass(1_500, () => survivors.every((peer) => peer.believes(victim) === 'dead'));
      expect(dead, `round ${round}: ${survivors.map((peer) => peer.believes(victim)).join()}`).toBe(true);
      const death = survivors[0]!.liveness.members().find((member) => member.peer === victim)!.death!;
      expect(death.how).toBe('silent');
      expect(survivors.flatMap((peer) => peer.declared.filter((peerId) => world.peer(peerId).kernel !== 'silent'))).toEqual([]);
    }
  });

  it('makes all peers keep the same death record', async () => {
    await cluster(6, 'same record');
    world.kill('peer002', 'silent');
    await world.clock.pass(5_000);
    const records = world
      .others('peer002')
      .map((peer) => canonicalJson(peer.liveness.members().find(({ peer: id }) => id === 'peer002')!.death));
    expect([...new Set(records)]).toHaveLength(1);
  });

  it('waits longer for a daemon whose kernel refuses, and longer still for a mute one', async () => {
    await cluster(5, 'refused and mute');
    const start = world.clock.monotonic();
    world.kill('peer001', 'refused');
    world.kill('peer002', 'accepted');
    const diedAt = new Map<string, number>();
    for (const victim of ['peer001', 'peer002']) {
      await world.clock.pass(12_000, () => world.others('peer001', 'peer002').every((peer) => peer.believes(victim) === 'dead'));
      diedAt.set(victim, world.clock.monotonic() - start);
    }
    expect(diedAt.get('peer001')).toBeGreaterThan(livenessSettings.refusedDeadMs - 350);
    expect(diedAt.get('peer001')).toBeLessThan(livenessSettings.refusedDeadMs + 400);
    expect(diedAt.get('peer002')).toBeGreaterThan(livenessSettings.muteDeadMs - 350);
    expect(diedAt.get('peer002')).toBeLessThan(livenessSettings.muteDeadMs + 400);
    const how = (peer: string) =>
      world
        .peer('peer000')
        .liveness.members()
        .find((member) => member.peer === peer)!.death!.how;
    expect([how('peer001'), how('peer002')]).toEqual(['refused', 'mute']);
  });

  it('believes a daemon that restarts in time to be alive again', async () => {
    await cluster(4, 'restart');
    world.kill('peer003', 'refused');
    await world.clock.pass(3_000);
    expect(world.peer('peer000').believes('peer003')).toBe('suspected');
    await world.boot('peer003');
    expect(await world.clock.pass(500, allBelieve('peer003', 'alive'))).toBe(true);
    await world.clock.pass(8_000);
    expect(new Set(states())).toEqual(new Set(['alive']));
    expect(world.others().flatMap((peer) => peer.declared)).toEqual([]);
  });

  it('declares nobody dead by mistake while 30 % of all packets are lost', async () => {
    await cluster(7, 'loss');
    world.loss.set('*', 0.3);
    await world.clock.pass(60_000);
    expect(world.others().flatMap((peer) => peer.declared)).toEqual([]);
    world.loss.delete('*');
    await world.clock.pass(1_000);
    expect(new Set(states())).toEqual(new Set(['alive']));
  });

  it('still finds a dead peer while 30 % of all packets are lost', async () => {
    await cluster(7, 'death under loss');
    world.loss.set('*', 0.3);
    world.kill('peer004', 'silent');
    expect(await world.clock.pass(6_000, allBelieve('peer004', 'dead'))).toBe(true);
  });

  it('lets an observer that was frozen accuse nobody when it thaws', async () => {
    await cluster(4, 'frozen observer');
    world.freeze('peer000');
    await world.clock.pass(6_000);
    world.thaw('peer000');
    await world.clock.pass(3_000);
    expect(world.peer('peer000').declared).toEqual([]);
    expect(new Set(states())).toEqual(new Set(['alive']));
  });

  it('brings back a peer that was frozen until it was declared dead, in a higher incarnation', async () => {
    await cluster(4, 'frozen to death');
    world.freeze('peer000');
    expect(await world.clock.pass(9_000, allBelieve('peer000', 'dead'))).toBe(true);
    world.thaw('peer000');
    expect(await world.clock.pass(3_000, allBelieve('peer000', 'alive'))).toBe(true);
    await world.clock.pass(3_000);
    expect(new Set(states())).toEqual(new Set(['alive']));
    expect(world.incarnations.get('peer000')).toBeGreaterThan(1);
    expect(world.peer('peer000').declared).toEqual([]);
    expect([...world.peer('peer001').observed.all()].filter(({ key }) => key.startsWith('death/'))).toEqual([]);
  });

  it('does not take a busy main loop for death, nor let it accuse', async () => {
    await cluster(4, 'busy loop');
    world.peer('peer000').main.freeze();
    await world.clock.pass(4_000);
    expect(world.others('peer000').map((peer) => peer.believes('peer000'))).toEqual(['alive', 'alive', 'alive']);
    world.peer('peer000').main.thaw();
    await world.clock.pass(2_000);
    expect(world.others().flatMap((peer) => peer.declared)).toEqual([]);
    expect(new Set(states())).toEqual(new Set(['alive']));
  });

  it('comes to one shared decision when one path is cut in one direction', async () => {
    await cluster(5, 'one-way cut');
    world.cut('peer001', 'peer002');
    await world.clock.pass(15_000);
    expect(world.others().map((peer) => peer.believes('peer001'))).toEqual(['alive', 'alive', 'alive', 'alive', 'alive']);
    expect(world.others().flatMap((peer) => peer.declared)).toEqual([]);
    expect(leadersOf(world.ids).size).toBe(1);
  });

  it('shares one decision about a peer that hears all but is heard by none', async () => {
    await cluster(5, 'mute to all');
    for (const other of world.ids) if (other !== 'peer001') world.cut('peer001', other);
    expect(await world.clock.pass(12_000, allBelieve('peer001', 'dead'))).toBe(true);
    await world.clock.pass(5_000, () => false);
    expect(allBelieve('peer001', 'dead')()).toBe(true);
    world.healAll();
    expect(await world.clock.pass(3_000, allBelieve('peer001', 'alive'))).toBe(true);
  });

  it('has a leader on each side of a cut, and one after it heals', async () => {
    await cluster(7, 'partition');
    const [left, right] = [world.ids.slice(0, 3), world.ids.slice(3)];
    for (const one of left) {
      for (const other of right) {
        world.cut(one, other);
        world.cut(other, one);
      }
    }
    await world.clock.pass(6_000);
    for (const side of [left, right]) {
      expect(leadersOf(side).size).toBe(1);
      expect(side).toContain(world.peer(side[0]!).liveness.leader().peer);
    }
    world.healAll();
    expect(await world.clock.pass(5_000, () => states().every((state) => state === 'alive') && leadersOf(world.ids).size === 1)).toBe(true);
    expect([...world.peers.values()].filter((peer) => peer.liveness.leader().isSelf)).toHaveLength(1);
  });

  it.each(['silent', 'refused'] as const)('has a new leader within a second and a half of the kill (%s)', async (kernel) => {
    await cluster(5, 'leader lost');
    const { peer: leader, term } = world.peer('peer000').liveness.leader();
    world.kill(leader, kernel);
    const survivors = world.others(leader).map(({ id }) => id);
    const elected = () => leadersOf(survivors).size === 1 && world.peer(survivors[0]!).liveness.leader().peer !== leader;
    expect(await world.clock.pass(1_500, elected)).toBe(true);
    expect(world.peer(survivors[0]!).liveness.leader().term).toBeGreaterThan(term);
  });

  it('elects another when the leader starts anew so fast that nobody missed it', async () => {
    await cluster(4, 'leader restarts');
    const { peer: leader, term } = world.peer('peer000').liveness.leader();
    world.kill(leader, 'refused');
    await world.boot(leader);
    const elected = () => leadersOf(world.ids).size === 1 && world.others().filter((peer) => peer.liveness.leader().isSelf).length === 1;
    expect(await world.clock.pass(3_000, () => world.peer('peer000').liveness.leader().term > term && elected())).toBe(true);
  });

  it.each([500, 1_500, 2_400, 2_950, 3_050, 6_000])(
    'has no false death by a host that is back after %i ms without a link',
    async (cutMs) => {
      await cluster(5, `returning ${cutMs}`);
      const others = world.ids.filter((id) => id !== 'peer001');
      for (const other of others)
        for (const [from, to] of [
          [other, 'peer001'],
          ['peer001', other],
        ] as const)
          world.cut(from, to);
      await world.clock.pass(cutMs);
      world.healAll();
      expect(await world.clock.pass(6_000, () => states().every((state) => state === 'alive'))).toBe(true);
      await world.clock.pass(4_000);
      expect(world.peer('peer001').declared).toEqual([]);
      expect(new Set(world.others('peer001').flatMap((peer) => peer.declared))).toEqual(
        new Set(cutMs < livenessSettings.agreedDeadMs - livenessSettings.beatIntervalMs ? [] : ['peer001']),
      );
    },
  );

  it('lets a host without a link hold all others for dead, and a pair of hosts declare those that both lost', async () => {
    await cluster(5, 'alone and a pair');
    const side = (id: string): string => (id === 'peer000' ? 'alone' : id < 'peer003' ? 'pair' : 'rest');
    for (const from of world.ids) for (const to of world.ids) if (side(from) !== side(to)) world.cut(from, to);
    await world.clock.pass(5_000);
    expect(world.ids.map((id) => world.peer('peer000').believes(id))).toEqual(['alive', 'dead', 'dead', 'dead', 'dead']);
    expect(world.peer('peer000').declared).toEqual([]);
    expect(world.ids.map((id) => world.peer('peer001').believes(id))).toEqual(['dead', 'alive', 'alive', 'dead', 'dead']);
    expect(world.ids.flatMap((id) => world.peer(id).dialled)).toEqual([]);
    world.healAll();
    expect(await world.clock.pass(6_000, () => states().every((state) => state === 'alive'))).toBe(true);
    // Its turn may be many seconds away, by the failures of the time of the cut.
    expect([...new Set(world.peer('peer001').dialled)].sort()).toEqual(['peer000', 'peer003', 'peer004']);
  });

  it('does not take a member that was never heard for dead before its time', async () => {
    world = new LivenessWorld(testSeed('unseen'), 3);
    await world.boot('peer000');
    await world.boot('peer001');
    await world.clock.pass(50_000);
    expect(world.peer('peer000').believes('peer002')).toBe('suspected');
    expect(await world.clock.pass(15_000, () => world.peer('peer000').believes('peer002') === 'dead')).toBe(true);
    await world.boot('peer002');
    expect(await world.clock.pass(2_000, allBelieve('peer002', 'alive'))).toBe(true);
  });

  it('raises its incarnation above what others know when its disk forgot it', async () => {
    await cluster(3, 'forgotten incarnation');
    world.kill('peer002', 'refused');
    await world.clock.pass(1_000);
    world.incarnations.set('peer002', -1);
    await world.boot('peer002');
    expect(await world.clock.pass(3_000, allBelieve('peer002', 'alive'))).toBe(true);
    expect(world.incarnations.get('peer002')).toBeGreaterThan(1);
  });

  it('costs a peer of a hundred no more than a peer of ten', async () => {
    const perPeerSecond = async (count: number): Promise<number> => {
      await cluster(count, 'cost');
      world.beatNetwork.sent.clear();
      for (const peer of world.peers.values()) peer.requests = 0;
      await world.clock.pass(2_000);
      expect(new Set(states())).toEqual(new Set(['alive']));
      return Math.max(...[...world.peers.values()].map((peer) => ((world.beatNetwork.sent.get(peer.id) ?? 0) + peer.requests) / 2));
    };
    const small = await perPeerSecond(10);
    const large = await perPeerSecond(100);
    expect(large).toBeLessThanOrEqual(small * 1.25);
    expect(large).toBeLessThan(50);
    // Who starts among many hears of all in the same moment; what is derived of them is not derived for each.
    world.kill('peer050', 'silent');
    await world.boot('peer050');
    const { liveness } = world.peer('peer050');
    let told = 0;
    liveness.onChanged(() => (told += 1));
    await world.clock.pass(1_000);
    expect(new Set(liveness.members().map(({ state }) => state))).toEqual(new Set(['alive']));
    expect(told).toBeLessThan(50);
  }, 60_000);
});
