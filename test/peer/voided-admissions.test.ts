import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMember, memberKey } from '../../daemon/app/members.ts';
import { ClusterState } from '../../daemon/core/cluster/state.ts';
import { planVoidedMembers } from '../../daemon/core/controllers/nodes.ts';
import { planSync } from '../../daemon/core/desired/sync.ts';
import { changesBody, changesOf } from '../../protocol/wire/changes.ts';
import type { ChangeEnvelope, Mutation, ReplicaVersion } from '../../protocol/desired.ts';
import { BUCKETS } from '../../protocol/wire/limits.ts';
import { FAREWELL_MS } from '../../daemon/peer/farewell.ts';
import { PeerWorld } from '../support/peer-world.ts';
import { exchange, makeReplica, restart } from '../support/replica-world.ts';
import type { TestReplica } from '../support/replica-world.ts';

const bucketsOf = ({ replica }: TestReplica): ReplicaVersion[] =>
  Array.from({ length: BUCKETS }, (_, bucket) => [...replica.bucket(bucket)]).flat();
const NOW = { wall: 0, monotonic: 0 };

describe('admissions by a member that is removed', () => {
  const options = { mergeUnitsOf: () => ({ members: ['/spec'] }) };
  const admitted = (peerId: string, admittedBy: string): Mutation =>
    createMember({ peerId, nodeName: peerId, peerAddresses: [], beatAddresses: [], apiAddresses: [], beatKey: '', admittedBy }, 0);
  const write = async ({ replica }: TestReplica, ...mutations: Mutation[]): Promise<ChangeEnvelope> => {
    const { envelope } = await replica.write(mutations);
    // As it travels.
    return changesOf(changesBody(envelope!));
  };
  const removal = ({ replica }: TestReplica, peer: string): Mutation => {
    const key = memberKey(peer);
    return { type: 'bury', key, uid: replica.get(key)!.uid, at: '2026-01-01T00:00:00Z' };
  };
  const voidedAt = ({ replica }: TestReplica): string[] => {
    const deps = { buriedLife: (key: string) => replica.buriedLife(key), graveOf: (key: string) => replica.graveOf(key) };
    const state = new ClusterState(deps, { self: { peer: 'x', node: 'x' } });
    state.applyDesired(
      [...replica.all()].map((after) => ({ key: after.key, before: undefined, after })),
      0,
    );
    const decisions = planVoidedMembers(state, NOW);
    return decisions.flatMap((decision) => (decision.do === 'write' ? decision.mutations.map(({ key }) => key) : [])).sort();
  };
  const FOUNDERS = [admitted('founder', 'founder'), admitted('seen', 'founder'), admitted('remover', 'founder')];
  const sides = async (): Promise<[TestReplica, TestReplica, ChangeEnvelope]> => {
    const [remover, other] = [await makeReplica(options), await makeReplica(options)];
    const founding = await write(remover, ...FOUNDERS);
    await other.replica.merge(founding);
    remover.replica.setComplete();
    return [remover, other, founding];
  };

  it('are void where the remover had not seen them, and those by whom they let in, whichever is heard first; the seen ones stay', async () => {
    const [remover, other, founding] = await sides();
    const unseen = await write(other, admitted('unseen', 'founder'), admitted('by-unseen', 'unseen'), admitted('by-seen', 'seen'));
    const grave = await write(remover, removal(remover, 'founder'));
    const voided = [memberKey('by-unseen'), memberKey('unseen')];
    for (const order of [
      [founding, unseen, grave],
      [founding, grave, unseen],
      [grave, founding, unseen],
    ]) {
      const peer = await makeReplica(options);
      for (const envelope of order) await peer.replica.merge(envelope);
      expect(voidedAt(peer)).toEqual(voided);
      expect(voidedAt(await restart(peer, options))).toEqual(voided);
    }
    await other.replica.merge(grave);
    await remover.replica.merge(unseen);
    expect([voidedAt(other), voidedAt(remover)]).toEqual([voided, voided]);
  });

  it('stay when the remover had seen all, when it could not know all, and when nobody was removed', async () => {
    const [remover, other] = await sides();
    expect(voidedAt(remover)).toEqual([]);
    await other.replica.merge(await write(remover, removal(remover, 'founder')));
    expect([voidedAt(remover), voidedAt(other)]).toEqual([[], []]);
    const partial = await makeReplica(options);
    await write(partial, FOUNDERS[0]!);
    const grave = await write(partial, removal(partial, 'founder'));
    const [, third] = await sides();
    await third.replica.merge(grave);
    expect(voidedAt(third)).toEqual([]);
  });

  it('are void at all, for good, where two removed their admitter at the same moment and one of them had not seen them', async () => {
    const [remover, other, founding] = await sides();
    other.replica.setComplete();
    const unseen = await write(other, admitted('unseen', 'founder'));
    const graves = [await write(remover, removal(remover, 'founder')), await write(other, removal(other, 'founder'))] as const;
    for (const order of [graves, [graves[1], graves[0]]]) {
      const peer = await makeReplica(options);
      for (const envelope of [founding, unseen, ...order]) await peer.replica.merge(envelope);
      expect(voidedAt(peer)).toEqual([memberKey('unseen')]);
    }
    // Each has a grave already, and hears of the other's when they compare.
    await remover.replica.merge(unseen);
    expect([voidedAt(remover), voidedAt(other)]).toEqual([[memberKey('unseen')], []]);
    await exchange(other.replica, remover.replica);
    expect(other.replica.digest()).toEqual(remover.replica.digest());
    for (const peer of [remover, other]) {
      expect(voidedAt(peer)).toEqual([memberKey('unseen')]);
      expect(voidedAt(await restart(peer, options))).toEqual([memberKey('unseen')]);
    }
  });

  it('are in no grave that counts as held by all while some hold another', async () => {
    const [remover, other] = await sides();
    other.replica.setComplete();
    await write(other, admitted('unseen', 'founder'));
    for (const peer of [remover, other]) await write(peer, removal(peer, 'founder'));
    const plan = planSync([...bucketsOf(other)], [...bucketsOf(remover)]);
    expect(plan.acknowledged).toEqual([]);
    await exchange(other.replica, remover.replica);
    const equal = planSync([...bucketsOf(other)], [...bucketsOf(remover)]);
    expect(equal).toMatchObject({ acknowledged: [{ key: memberKey('founder'), buried: 1 }], pull: [], push: [] });
  });
});

describe('in a cluster', () => {
  let world: PeerWorld;
  beforeEach(() => {
    world = new PeerWorld(1);
  });
  afterEach(() => world.stop());

  it('a host that the founder lets in on one side of a split, while the other side removes the founder, goes with it', async () => {
    await world.found(4);
    const [founder, two, three, four] = [world.host(1), world.host(2), world.host(3), world.host(4)];
    world.network.partition([founder.id, two.id, 'peer5'], [three.id, four.id]);
    const late = await world.join();
    await world.until('two knows it', () => two.daemon.peer.members().some(({ peerId }) => peerId === late.id));
    expect((await world.call(three, 'DELETE', `/api/v1/nodes/${founder.node}`)).status).toBe(200);
    world.network.healAll();
    const stay = [two, three, four];
    const ids = stay.map(({ id }) => id).sort();
    const named = (index: number): string[] =>
      stay[index]!.daemon.peer.members()
        .map(({ peerId }) => peerId)
        .sort();
    await world.until('both are out', () => [0, 1, 2].every((index) => named(index).join() === ids.join()), 60_000);
    await world.until('they know', () => founder.daemon.peer.view.removed && late.daemon.peer.view.removed, 60_000);
    await world.clock.pass(60_000);
    for (const index of [0, 1, 2]) expect(named(index)).toEqual(ids);
  });

  it('a host that one lets in while the others have removed it, and of which nobody else ever hears, is told by it', async () => {
    await world.found(3);
    const [founder, two, three] = [world.host(1), world.host(2), world.host(3)];
    world.network.partition([founder.id, 'peer4', 'peer5'], [two.id, three.id]);
    expect((await world.call(two, 'DELETE', `/api/v1/nodes/${founder.node}`)).status).toBe(200);
    const late = await world.join();
    await world.until('it holds the whole state', () => late.daemon.peer.view.complete);
    world.network.cut(founder.id, 'peer5');
    const last = await world.join(late);
    await world.until('the last one does, too', () => last.daemon.peer.view.complete);
    await world.clock.pass(2 * FAREWELL_MS);
    for (const host of [founder, late]) for (const other of [two, three]) world.network.heal(host.id, other.id);
    await world.until('all know', () => [founder, late, last].every(({ daemon }) => daemon.peer.view.removed), 60_000);
    for (const { daemon } of [two, three])
      expect(daemon.replica.get(memberKey(late.id)) ?? daemon.replica.buriedLife(memberKey(late.id))).toBe(0);
    await world.kill(late);
    await world.boot(late);
    expect(late.daemon.peer.view.removed).toBe(true);
  });
});
