import { afterEach, describe, expect, it } from 'vitest';
import { MAX_EVENTS_PER_OWNER, WITHDRAWN_KEPT_MS } from '../../daemon/peer/observed-table.ts';
import { PeerObserved } from '../../daemon/peer/observed.ts';
import type { EventReport, ObservedRecord, PodReport } from '../../protocol/observed.ts';
import { decodeObservedRequest, encodeRecords, MAX_RECORD_BYTES, observedSigningBytes } from '../../protocol/wire-observed.ts';
import { fakeIdentity, fakeVerify } from '../support/liveness-world.ts';
import { MemoryNetwork } from '../support/memory-transport.ts';
import { silentLog } from '../support/silent-log.ts';
import { seededRandom, VirtualClock } from '../support/virtual-clock.ts';

const clock = new VirtualClock();
let started: PeerObserved[] = [];
afterEach(() => {
  for (const observed of started) observed.stop();
  started = [];
});

/** Peers a, b and c of nodes node-a and so on, all connected. */
class World {
  readonly network = new MemoryNetwork({ clock, random: seededRandom(7) });
  readonly ids: string[];
  readonly members: { peerId: string; nodeName: string }[];

  constructor(ids = ['a', 'b', 'c']) {
    this.ids = ids;
    this.members = ids.map((id) => ({ peerId: id, nodeName: `node-${id}` }));
  }

  async peer(id: string, incarnation = 1, transport = this.network.transport(id)): Promise<PeerObserved> {
    const deps = { transport, identity: fakeIdentity(id), verify: fakeVerify, clock, random: seededRandom(3), log: silentLog };
    const observed = new PeerObserved(deps, { node: `node-${id}`, incarnation });
    observed.setMembers(this.members);
    transport.setMembers(this.ids.map((peer) => ({ peer, addresses: [] })));
    observed.start();
    await transport.start();
    started.push(observed);
    return observed;
  }
}

const pod = (uid: string, phase = 'Running'): PodReport => ({ kind: 'pod', uid, namespace: 'default', name: uid, status: { phase } });
const event = (name: string): EventReport => ({
  kind: 'event',
  event: { metadata: { name, namespace: 'default' } } as EventReport['event'],
});
function signed(owner: string, fields: Partial<ObservedRecord> & Pick<ObservedRecord, 'key' | 'value'>): ObservedRecord {
  const record = { owner, node: `node-${owner}`, incarnation: 1, sequence: 100, ...fields };
  return { ...record, signature: Buffer.from(fakeIdentity(owner).sign(observedSigningBytes(record))).toString('base64url') };
}
const podsAt = (observed: PeerObserved): string[] =>
  [...observed.all()]
    .filter(({ value }) => value?.kind === 'pod')
    .map(({ key }) => key)
    .sort();

describe('observed state', () => {
  it('reaches the other peers within a moment', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    a.publish('pod/1', pod('1'));
    expect(await clock.pass(100, () => b.get('a', 'pod/1') !== undefined)).toBe(true);
    expect(b.get('a', 'pod/1')).toMatchObject({ owner: 'a', node: 'node-a', incarnation: 1, value: pod('1') });
  });

  it('sends the last of what is said at once, and nothing when nothing is new', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    const heard: ObservedRecord[] = [];
    b.onChanged((records) => heard.push(...records.filter(({ key }) => key === 'pod/1')));
    a.publish('pod/1', pod('1', 'Pending'));
    a.publish('pod/1', pod('1', 'Running'));
    await clock.pass(200);
    a.publish('pod/1', { ...pod('1', 'Running') });
    a.publish('pod/2', null);
    await clock.pass(200);
    expect(heard.map(({ value }) => value)).toEqual([pod('1', 'Running')]);
    a.publish('pod/1', null);
    await clock.pass(200);
    expect(heard.at(-1)?.value).toBeNull();
    expect(podsAt(b)).toEqual([]);
  });

  it('sends what comes one after the other in few messages, and a death without waiting', async () => {
    const world = new World();
    const transport = world.network.transport('a');
    const sentAt: number[] = [];
    const publish = transport.publish.bind(transport);
    transport.publish = async (topic, payload) => {
      sentAt.push(clock.monotonic());
      return publish(topic, payload);
    };
    const a = await world.peer('a', 1, transport);
    await clock.pass(1_000);
    sentAt.length = 0;
    const began = clock.monotonic();
    for (let index = 0; index < 40; index += 1) {
      a.publish(`pod/${index}`, pod(String(index)));
      await clock.pass(10);
    }
    expect(sentAt[0]! - began).toBe(20);
    expect(sentAt.length).toBeLessThanOrEqual(6);
    a.publish('pod/last', pod('last'));
    const at = '2026-01-01T00:00:00.000Z';
    const told = { peerId: 'c', node: 'node-c', incarnation: 1, lastSeen: at, at, membersSeen: 2, membersKnown: 3 };
    a.publish('death/c', { kind: 'death', how: 'silent', ...told });
    await clock.pass(1);
    expect(sentAt.at(-1)).toBeLessThanOrEqual(clock.monotonic());
    expect(clock.monotonic() - sentAt.at(-1)!).toBeLessThanOrEqual(1);
  });

  it.each(['Succeeded', 'Failed'])('tells without waiting that a pod has %s', async (phase) => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    a.publish('pod/1', pod('1'));
    expect(await clock.pass(100, () => b.get('a', 'pod/1') !== undefined)).toBe(true);
    const heardAt: number[] = [];
    b.onChanged(() => heardAt.push(clock.monotonic()));
    const began = clock.monotonic();
    a.publish('pod/1', pod('1', phase));
    expect(await clock.pass(100, () => heardAt.length > 0)).toBe(true);
    // As long as the network takes, and no longer: a batch after another would have waited for 80 ms.
    expect(heardAt[0]! - began).toBeLessThan(20);
    expect(b.get('a', 'pod/1')?.value).toEqual(pod('1', phase));
  });

  it.each(['knows', 'does not know'])('is compared in a wide cluster with one that %s summaries, and holds all', async (knows) => {
    const owners = Array.from({ length: 60 }, (_, index) => `owner-${index}`);
    const world = new World(['a', 'b', ...owners]);
    const gossip = world.network.transport('owner-0');
    gossip.setMembers(world.ids.map((peer) => ({ peer, addresses: [] })));
    const [first, second] = [world.network.transport('a'), world.network.transport('b')];
    const asked: { type: string; bytes: number }[] = [];
    const serve = first.serve.bind(first);
    first.serve = (protocol, handler) =>
      serve(protocol, async (from, payload, signal) => {
        const { type } = decodeObservedRequest(payload);
        if (type === 'summary' && knows === 'does not know') throw new Error('unknown request about observed state');
        asked.push({ type, bytes: payload.byteLength });
        return handler(from, payload, signal);
      });
    const a = await world.peer('a', 1, first);
    await gossip.start();
    const records = owners.map((owner) => signed(owner, { key: 'pod/1', value: pod('1') }));
    await gossip.publish('observed', encodeRecords(records));
    await clock.pass(100);
    await gossip.stop();
    const b = await world.peer('b', 1, second);
    expect(await clock.pass(20_000, () => podsAt(b).length === 60)).toBe(true);
    expect(podsAt(a)).toHaveLength(60);
    // Nothing new: what is asked is as short as for few.
    asked.length = 0;
    await clock.pass(30_000);
    expect(new Set(asked.map(({ type }) => type))).toEqual(new Set([knows === 'knows' ? 'summary' : 'digest']));
    if (knows === 'knows') expect(Math.max(...asked.map(({ bytes }) => bytes))).toBeLessThan(600);
    // One owner says something else, which b misses.
    world.network.cut('b', 'a');
    world.network.cut('b', 'owner-0');
    await gossip.start();
    await gossip.publish('observed', encodeRecords([signed('owner-7', { key: 'pod/1', value: pod('1', 'Failed'), sequence: 101 })]));
    await clock.pass(5);
    world.network.heal('a', 'b');
    const phase = (observed: PeerObserved): unknown => (observed.get('owner-7', 'pod/1')?.value as PodReport | undefined)?.status.phase;
    expect(await clock.pass(20_000, () => phase(a) === 'Failed' && phase(b) === 'Failed')).toBe(true);
  });

  it('gets to a peer that missed it, by comparison', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    world.network.lose('a', 'b', 0.999);
    a.publish('pod/1', pod('1'));
    await clock.pass(100);
    expect(b.get('a', 'pod/1')).toBeUndefined();
    expect(await clock.pass(10_000, () => b.get('a', 'pod/1') !== undefined)).toBe(true);
  });

  it('gets to a new peer through one that is not its owner, at once on connecting', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    for (let index = 0; index < 300; index += 1) a.publish(`pod/${index}`, pod(`${index}`));
    await clock.pass(500);
    world.network.cut('a', 'c');
    const c = await world.peer('c');
    expect(await clock.pass(400, () => podsAt(c).length === 300)).toBe(true);
    expect(podsAt(c)).toEqual(podsAt(b));
  });

  it('takes the newest incarnation, then the newest sequence, in whatever order they come', async () => {
    const world = new World();
    const b = await world.peer('b');
    const from = world.network.transport('a');
    from.setMembers([{ peer: 'b', addresses: [] }]);
    await from.start();
    const versions = [
      signed('a', { key: 'pod/1', value: pod('1', 'Second'), incarnation: 2, sequence: 1 }),
      signed('a', { key: 'pod/1', value: pod('1', 'First'), sequence: 9 }),
    ];
    for (const version of versions) await from.publish('observed', encodeRecords([version]));
    await clock.pass(50);
    expect(b.get('a', 'pod/1')?.value).toEqual(pod('1', 'Second'));
  });

  it('refuses, and counts, what its owner did not sign, what speaks for another node, and who is no member', async () => {
    const world = new World();
    const b = await world.peer('b');
    const from = world.network.transport('a');
    from.setMembers([{ peer: 'b', addresses: [] }]);
    await from.start();
    const good = signed('a', { key: 'pod/1', value: pod('1') });
    const forged: ObservedRecord[] = [
      { ...good, value: pod('1', 'Failed') },
      { ...good, owner: 'c', node: 'node-c' },
      signed('a', { key: 'pod/1', value: pod('1'), node: 'node-c' }),
      signed('stranger', { key: 'pod/1', value: pod('1') }),
    ];
    for (const record of forged) await from.publish('observed', encodeRecords([record]));
    await from.publish('observed', encodeRecords([signed('a', { key: 'pod/1', value: pod('2') })]));
    await from.publish('observed', Uint8Array.of(1, 2, 3));
    await clock.pass(50);
    expect(podsAt(b)).toEqual([]);
    expect(Object.fromEntries(b.refused())).toEqual({ 'wrong signature': 2, 'wrong node': 1, 'not a member': 1, malformed: 2 });
    await from.publish('observed', encodeRecords([good]));
    await clock.pass(50);
    expect(podsAt(b)).toEqual(['pod/1']);
  });

  it('leaves out a fact that others would not take, and one that they can not read harms no other', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    // As JSON six times as long as what is signed.
    a.publish('pod/1', { ...pod('1'), status: { phase: 'Running', message: '\u0001'.repeat(MAX_RECORD_BYTES / 6) } });
    a.publish('pod/2', pod('2'));
    await clock.pass(100);
    expect(podsAt(b)).toEqual(['pod/2']);
    const from = world.network.transport('c');
    from.setMembers([{ peer: 'b', addresses: [] }]);
    await from.start();
    const unknown = signed('c', { key: 'pod/3', value: { ...pod('3'), kind: 'later' } as unknown as PodReport });
    await from.publish('observed', encodeRecords([unknown, signed('c', { key: 'pod/4', value: pod('4') })]));
    await clock.pass(50);
    expect(podsAt(b)).toEqual(['pod/2', 'pod/4']);
    expect(Object.fromEntries(b.refused())).toEqual({ malformed: 1 });
  });

  it('gets to another in answers that hold it, whatever letters it is written in', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    world.network.lose('a', 'b', 0.999);
    // Three bytes a letter.
    const message = '日'.repeat(20_000);
    for (let index = 0; index < 60; index += 1) a.publish(`pod/${index}`, { ...pod(`${index}`), status: { phase: 'Running', message } });
    expect(await clock.pass(10_000, () => podsAt(b).length === 60)).toBe(true);
  });

  it('keeps nothing of facts that were withdrawn long ago, and withdraws again what somebody brings back', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    for (let index = 0; index < 50; index += 1) a.publish(`pod/${index}`, pod(`${index}`));
    await clock.pass(100);
    const [old] = b.all();
    for (let index = 0; index < 50; index += 1) a.publish(`pod/${index}`, null);
    await clock.pass(2 * WITHDRAWN_KEPT_MS);
    const { stated } = a as unknown as { stated: ReadonlyMap<string, unknown> };
    expect([...stated.keys()].filter((key) => key.startsWith('pod/'))).toEqual([]);
    const from = world.network.transport('c');
    from.setMembers([{ peer: 'b', addresses: [] }]);
    await from.start();
    await from.publish('observed', encodeRecords([old!]));
    await clock.pass(50);
    expect(podsAt(b)).toEqual([old!.key]);
    expect(await clock.pass(20_000, () => podsAt(b).length === 0)).toBe(true);
  });

  it('keeps the newest events of an owner, the same ones everywhere', async () => {
    const world = new World();
    const a = await world.peer('a');
    for (let index = 0; index < MAX_EVENTS_PER_OWNER + 40; index += 1) a.publish(`event/default/e${index}`, event(`e${index}`));
    await clock.pass(500);
    const b = await world.peer('b');
    await clock.pass(5_000);
    const keys = (observed: PeerObserved): string[] => [...observed.all()].map(({ key }) => key).sort();
    expect(keys(a)).toHaveLength(MAX_EVENTS_PER_OWNER);
    expect(keys(b)).toEqual(keys(a));
    expect(keys(a)).not.toContain('event/default/e39');
    expect(keys(a)).toContain('event/default/e40');
  });

  it('tells whoever listens which events were pushed out, since their owner says no more of them', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    const shown = [a, b].map((observed) => {
      const keys = new Set<string>();
      observed.onChanged((records) => {
        for (const { key, value } of records)
          if (value?.kind === 'event') keys.add(key);
          else keys.delete(key);
      });
      return keys;
    });
    for (let index = 0; index < MAX_EVENTS_PER_OWNER + 40; index += 1) {
      a.publish(`event/default/e${index}`, event(`e${index}`));
      // What is withdrawn takes room, too, until everybody has it.
      if (index % 2 === 1) a.publish(`event/default/e${index - 1}`, null);
      await clock.pass(200);
    }
    for (const [index, observed] of [a, b].entries()) {
      const kept = [...observed.all()].filter(({ value }) => value?.kind === 'event').map(({ key }) => key);
      expect(kept.length).toBeGreaterThan(0);
      expect([...shown[index]!].sort()).toEqual(kept.sort());
    }
  });

  it('is heard by all, though one of them fails', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    const heard: string[] = [];
    b.onChanged(() => {
      throw new Error('a bug');
    });
    b.onChanged((records) => heard.push(...records.map(({ key }) => key)));
    a.publish('pod/1', pod('1'));
    await clock.pass(100);
    expect(heard).toContain('pod/1');
    b.publish('pod/2', pod('2'));
    await clock.pass(100);
    expect(heard.at(-1)).toBe('pod/2');
  });

  it('forgets who is no member any more', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    a.publish('pod/1', pod('1'));
    await clock.pass(100);
    const heard: ObservedRecord[] = [];
    b.onChanged((records) => heard.push(...records));
    b.setMembers(world.members.filter(({ peerId }) => peerId !== 'a'));
    expect(podsAt(b)).toEqual([]);
    expect(heard).toContainEqual(expect.objectContaining({ key: 'pod/1', value: null }));
    await clock.pass(10_000);
    expect(podsAt(b)).toEqual([]);
  });

  it('withdraws, after a restart, what its former life said and it does not say again', async () => {
    const world = new World();
    const [first, b] = [await world.peer('a', 1), await world.peer('b')];
    first.publish('pod/gone', pod('gone'));
    first.publish('pod/kept', pod('kept'));
    first.publish('event/default/old', event('old'));
    await clock.pass(200);
    first.stop();
    await world.network.peer('a')!.stop();
    const second = await world.peer('a', 2);
    second.publish('pod/kept', pod('kept'));
    await clock.pass(5_000);
    expect(podsAt(b)).toEqual(['pod/gone', 'pod/kept']);
    expect(await clock.pass(60_000, () => podsAt(b).length === 1)).toBe(true);
    expect(podsAt(b)).toEqual(['pod/kept']);
    expect(podsAt(second)).toEqual(['pod/kept']);
    expect(b.get('a', 'event/default/old')?.value).toEqual(event('old'));
  });

  it('says once, after a restart, that what its former life said still holds', async () => {
    const world = new World();
    const [first, b] = [await world.peer('a', 1), await world.peer('b')];
    first.publish('pod/1', pod('1'));
    await clock.pass(200);
    first.stop();
    await world.network.peer('a')!.stop();
    const second = await world.peer('a', 2);
    expect(await clock.pass(5_000, () => second.get('a', 'pod/1') !== undefined)).toBe(true);
    second.publish('pod/1', pod('1'));
    await clock.pass(200);
    const said = b.get('a', 'pod/1');
    expect(said).toMatchObject({ incarnation: 2, value: pod('1') });
    second.publish('pod/1', pod('1'));
    await clock.pass(5_000);
    expect(b.get('a', 'pod/1')).toEqual(said);
  });

  it('is heard, after a restart under the same incarnation that its disk forgot, whatever its life before said, and when', async () => {
    const world = new World();
    const [first, b] = [await world.peer('a', 2), await world.peer('b')];
    first.publish('pod/1', pod('1', 'Pending'));
    await clock.pass(200);
    // The clock of that life was ahead.
    const sequence = clock.now() + 60_000;
    const from = world.network.peer('a')!;
    await from.publish('observed', encodeRecords([signed('a', { key: 'pod/2', value: pod('2', 'Pending'), incarnation: 2, sequence })]));
    await clock.pass(200);
    first.stop();
    await from.stop();
    const second = await world.peer('a', 2);
    for (const uid of ['1', '2']) second.publish(`pod/${uid}`, pod(uid, 'Running'));
    const phases = (peer: PeerObserved): unknown[] =>
      ['1', '2'].map((uid) => (peer.get('a', `pod/${uid}`)?.value as PodReport).status.phase);
    await clock.pass(200);
    expect(phases(b)[0]).toBe('Running');
    expect(await clock.pass(10_000, () => [b, second].every((peer) => phases(peer).join() === 'Running,Running'))).toBe(true);
  });

  it('says in which incarnation it lives, at the start and when that is raised', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a', 4), await world.peer('b')];
    await clock.pass(100);
    expect(b.get('a', 'death/a')).toMatchObject({ incarnation: 4, value: null });
    a.publish('pod/1', pod('1'));
    a.setIncarnation(6);
    await clock.pass(100);
    expect(b.get('a', 'death/a')).toMatchObject({ incarnation: 6, value: null });
    // What it has stated still holds.
    expect(b.get('a', 'pod/1')).toMatchObject({ incarnation: 6, value: pod('1') });
  });
});
