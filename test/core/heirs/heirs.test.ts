import { describe, expect, it } from 'vitest';
import { isReady } from '../../../daemon/core/cluster/pods.ts';
import { slotStanding } from '../../../daemon/core/controllers/slots.ts';
import { HEIR_SETTINGS, planClaims } from '../../../daemon/core/heirs/claims.ts';
import type { OrphanMemory } from '../../../daemon/core/heirs/claims.ts';
import type { Decision } from '../../../daemon/core/decisions.ts';
import { planPass } from '../../../daemon/peer/brain-plan.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import {
  ClusterWorld,
  container,
  podKey,
  podObject,
  readyStatus,
  replicaSetObject,
  templateOf,
  worldOf,
} from '../../support/cluster-view.ts';
import { asSeenBy, orphansOf, running, wakes, writes } from '../../support/heirs.ts';
import { MemoryDesired } from '../../support/memory-desired.ts';

const RS = 'replicasets.apps/default/web';

describe('heirs', () => {
  it('claim at once when they are first in rank: the next pod of the slot, bound to the heir itself', () => {
    const world = running(3, 3);
    const views = asSeenBy(world, ['node-2', 'node-3'], ['node-1']);
    const claims = views.map((view) => writes(planClaims(view.state, orphansOf(view, 'node-1'), view.now)));
    expect(claims.map((each) => each.length).sort()).toEqual([0, 1]);
    const heir = views[claims.findIndex((each) => each.length === 1)]!;
    heir.write(claims.flat()[0]!.mutations);
    const slot = world.object(orphansOf(world, 'node-1')[0]!.key).object.kith!.slot!.slot;
    expect(heir.object(RS).object.kith?.slots?.[String(slot)]).toEqual({
      epoch: 2,
      generation: 2,
      claim: { from: 1, node: heir.state.self.node, membersSeen: 2, membersKnown: 3 },
    });
    const fresh = heir.pods().find(({ object }) => object.kith?.slot?.generation === 2);
    expect(fresh?.object.kith?.binding).toMatchObject({ node: heir.state.self.node, by: 'heir', rank: 0, membersSeen: 2, membersKnown: 3 });
  });

  it('wait two seconds a rank for those before them', () => {
    const world = running(4, 4);
    const views = asSeenBy(world, ['node-2', 'node-3', 'node-4'], ['node-1']);
    const turns = views.map((view) => {
      const decisions = planClaims(view.state, orphansOf(view, 'node-1'), view.now);
      return writes(decisions).length > 0 ? 0 : Math.min(...wakes(decisions)) - view.elapsed;
    });
    expect(turns.sort((left, right) => left - right)).toEqual([0, 2_000, 4_000]);
  });

  it('wait ten seconds more when they see half of the members or fewer, but not among two', () => {
    const four = running(4, 4);
    for (const view of asSeenBy(four, ['node-3', 'node-4'], ['node-1', 'node-2'])) {
      const decisions = planClaims(view.state, [...orphansOf(view, 'node-1'), ...orphansOf(view, 'node-2')], view.now);
      expect(writes(decisions)).toEqual([]);
      for (const at of wakes(decisions)) expect(at - view.elapsed).toBeGreaterThanOrEqual(10_000);
    }
    const [two] = asSeenBy(running(2, 2), ['node-2'], ['node-1']);
    expect(writes(planClaims(two!.state, orphansOf(two!, 'node-1'), two!.now))).toHaveLength(1);
  });

  it('wait for the node to be heard when a pod of it becomes an orphan after its death: a cut is healing', () => {
    const world = running(2, 4);
    const [seen] = asSeenBy(world, ['node-2'], ['node-1']);
    const memory: OrphanMemory = { nodes: new Map(), since: new Map() };
    const [known, news] = orphansOf(seen!, 'node-1');
    seen!.edit(news!.key, (draft) => void (draft.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'));
    const plan = (): Decision[] => planClaims(seen!.state, orphansOf(seen!, 'node-1'), seen!.now, HEIR_SETTINGS, memory);
    expect(writes(plan())).toHaveLength(1);
    expect([...memory.since.keys()]).toEqual([known!.key]);
    seen!.elapsed += 10;
    seen!.edit(news!.key, (draft) => void (draft.metadata.deletionTimestamp = undefined));
    expect(writes(plan())).toHaveLength(1);
    expect(wakes(plan())).toEqual([seen!.elapsed + HEIR_SETTINGS.newsSettleMs]);
    seen!.elapsed += HEIR_SETTINGS.newsSettleMs;
    expect(writes(plan())).toHaveLength(2);
    seen!.setMember('node-1', 'alive');
    plan();
    expect(memory.since.size).toBe(0);
  });

  it('wait so, too, for the first pod that they ever know of a node that is dead', () => {
    const [seen] = asSeenBy(running(2, 4), ['node-2'], ['node-1']);
    const memory: OrphanMemory = { nodes: new Map(), since: new Map() };
    const known = orphansOf(seen!, 'node-1').map(({ key }) => key);
    const setDeleted = (at: string | undefined): void => {
      for (const key of known) seen!.edit(key, (draft) => void (draft.metadata.deletionTimestamp = at));
    };
    const claims = (keys: readonly string[]): number =>
      planPass(seen!.state, keys, seen!.now, { isLeader: false, orphans: memory }).units.filter(({ mutations }) => mutations.length > 0)
        .length;
    setDeleted('2026-01-01T00:00:00Z');
    expect(claims(['nodes//node-1', ...known])).toBe(0);
    seen!.elapsed += 20_000;
    setDeleted(undefined);
    expect(claims(known)).toBe(0);
    seen!.elapsed += HEIR_SETTINGS.newsSettleMs;
    expect(claims(known)).toBe(known.length);
  });

  it('claim a few at a time, and more as those become ready', () => {
    const world = running(2, 60);
    const [view] = asSeenBy(world, ['node-2'], ['node-1']);
    const lost = orphansOf(view!, 'node-1').length;
    expect(lost).toBe(30);
    let most = 0;
    view!.broken = () => true;
    view!.converge({
      quietMs: 3_000,
      each: () => {
        most = Math.max(
          most,
          view!.state.podsOnNode('node-2').filter((pod) => pod.object.kith?.binding?.by === 'heir' && !isReady(view!.state, pod)).length,
        );
      },
    });
    expect(most).toBe(10);
    view!.broken = () => false;
    view!.converge({ nodes: ['node-2'] });
    expect(view!.state.podsOnNode('node-2').filter((pod) => isReady(view!.state, pod))).toHaveLength(60);
  });

  it('leave to the leader what none of them fits or took', () => {
    const world = worldOf(2, 'node-1', { allocatable: { cpu: '4', memory: '8Gi', pods: '1' } });
    world.create(replicaSetObject('web', 2));
    world.converge();
    const [leader] = asSeenBy(world, ['node-1'], ['node-2']);
    for (const node of ['node-1', 'node-2']) leader!.reportNode(node, { cpu: '4', memory: '8Gi', pods: '1' });
    expect(writes(planClaims(leader!.state, orphansOf(leader!, 'node-2'), leader!.now))).toEqual([]);
    leader!.converge({ nodes: ['node-1'] });
    const waiting = leader!.state.unboundPods();
    expect(waiting).toHaveLength(1);
    expect(leader!.events('FailedScheduling').at(-1)).toBe(
      '0/2 nodes are available: 1 Too many pods, 1 node(s) were not ready. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
    );
  });

  it('bury the old pod once its replacement is ready, if a majority saw its node dead', () => {
    const world = running(3, 3);
    const old = orphansOf(world, 'node-3')[0]!.key;
    world.broken = () => true;
    world.setMember('node-3', 'dead');
    world.setLeader('node-1');
    const others = asSeenBy(world, ['node-1', 'node-2'], ['node-3']);
    for (const other of others) {
      const claims = writes(planClaims(other.state, orphansOf(other, 'node-3'), other.now));
      for (const claim of claims) world.write(claim.mutations);
    }
    world.decide();
    expect(world.state.get(old)).toBeDefined();
    world.broken = () => false;
    world.converge();
    expect(world.state.get(old)).toBeUndefined();
    expect(world.pods()).toHaveLength(3);
  });

  it('do not touch what asks for a majority where there is none, and say so; where there is one they claim it', () => {
    const decisionsOf = (here: string[], dead: string[]): Decision[] => {
      const views = asSeenBy(running(3, 3, { 'kith.dev/partition': 'majority' }), here, dead);
      return views.flatMap((view) => {
        view.elapsed += 60_000;
        return planClaims(view.state, orphansOf(view, dead[0]!), view.now);
      });
    };
    const minority = decisionsOf(['node-3'], ['node-1', 'node-2']);
    expect(writes(minority)).toEqual([]);
    expect(minority.flatMap((each) => (each.do === 'event' ? [each.event.reason] : []))).toEqual(['WaitingForMajority']);
    expect(writes(decisionsOf(['node-2', 'node-3'], ['node-1'])).length).toBeGreaterThan(0);
  });

  it('leave deleted, ended and superseded pods alone', () => {
    const world = running(3, 3);
    const [view] = asSeenBy(world, ['node-1'], ['node-2', 'node-3']);
    view!.elapsed += 60_000;
    const [deleted, superseded] = [orphansOf(view!, 'node-2')[0]!, orphansOf(view!, 'node-3')[0]!];
    view!.edit(deleted.key, (draft) => void (draft.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'));
    view!.edit(RS, (draft) => void (draft.kith!.slots![String(superseded.object.kith!.slot!.slot)] = { epoch: 2, generation: 2 }));
    expect(planClaims(view!.state, [view!.object(deleted.key), view!.object(superseded.key)], view!.now)).toEqual([]);
  });

  describe('of pods that nobody controls', () => {
    function bare(members: number, spec = {}): ClusterWorld {
      const world = worldOf(members);
      world.create(podObject('solo', spec));
      world.bind(podKey('solo'), 'node-1');
      world.reportPod(podKey('solo'), readyStatus(world.now.wall));
      return world;
    }

    it('move one to its next life, with a majority', () => {
      const views = asSeenBy(bare(3), ['node-2', 'node-3'], ['node-1']);
      for (const view of views) for (const each of writes(planClaims(view.state, view.pods(), view.now))) view.write(each.mutations);
      const moved = views.filter((view) => view.object(podKey('solo')).life === 2);
      expect(moved).toHaveLength(1);
      expect(moved[0]!.object(podKey('solo')).object.kith?.binding?.node).toBe(moved[0]!.state.self.node);
    });

    it('leave one alone when its author may be the one that is cut off, or when it is not to be restarted', () => {
      const [minority] = asSeenBy(bare(3), ['node-3'], ['node-1', 'node-2']);
      const [never] = asSeenBy(bare(3, { restartPolicy: 'Never' }), ['node-3'], ['node-1']);
      for (const view of [minority!, never!]) {
        view.elapsed += 60_000;
        expect(writes(planClaims(view.state, view.pods(), view.now))).toEqual([]);
      }
    });

    it('move one among two members', () => {
      const [view] = asSeenBy(bare(2), ['node-2'], ['node-1']);
      expect(writes(planClaims(view!.state, view!.pods(), view!.now))).toHaveLength(1);
    });
  });
});

describe('a heal', () => {
  /** node-3 was cut off from node-1 and node-2; each side went on; now all see each other again. */
  function healed(annotation?: string): { world: ClusterWorld; originals: Set<string> } {
    const nodes = ['node-1', 'node-2', 'node-3'];
    const start = running(3, 3, annotation === undefined ? undefined : { 'kith.dev/reconcile': annotation });
    const originals = new Set(start.pods().map(({ key }) => key));
    const base = start.desired.copy();
    const sides = [['node-3'], ['node-1', 'node-2']].map((own) => {
      const side = new ClusterWorld(nodes, own[0], base.copy());
      side.elapsed = start.elapsed;
      for (const node of nodes) side.reportNode(node);
      side.learnReports(start, nodes);
      for (const node of nodes) if (!own.includes(node)) side.setMember(node, 'dead');
      side.converge({ nodes: own });
      return { side, own };
    });
    const [minority, majority] = sides.map(({ side }) => side);
    const world = new ClusterWorld(
      nodes,
      'node-1',
      MemoryDesired.merge(base, minority!.desired, majority!.desired, () => 0),
    );
    world.elapsed = majority!.elapsed;
    for (const node of nodes) world.reportNode(node);
    for (const { side, own } of sides) world.learnReports(side, own);
    world.converge();
    return { world, originals };
  }

  const kept = (world: ClusterWorld): DesiredObject[] => world.pods();
  const survivors = (world: ClusterWorld, originals: Set<string>): number => kept(world).filter(({ key }) => originals.has(key)).length;

  it('keeps the majority side: its originals against the minority claims, its replacement of the pod cut off', () => {
    const { world, originals } = healed();
    expect(kept(world)).toHaveLength(3);
    for (const { object } of kept(world)) expect(['node-1', 'node-2', 'node-3']).toContain(object.kith?.binding?.node);
    expect(survivors(world, originals)).toBe(2);
  });

  it('keeps originals where asked, though a majority replaced them', () => {
    const { world, originals } = healed('keep-original');
    expect(kept(world)).toHaveLength(3);
    expect(survivors(world, originals)).toBe(3);
  });

  it('keeps replacements where asked, though a minority made them', () => {
    const { world, originals } = healed('keep-replacement');
    expect(kept(world)).toHaveLength(3);
    expect(survivors(world, originals)).toBe(0);
  });

  it('keeps what has run the longest where asked: originals, though a majority replaced them', () => {
    const { world, originals } = healed('longest-running');
    expect(kept(world)).toHaveLength(3);
    expect(survivors(world, originals)).toBe(3);
  });

  it('takes no notice of an annotation that means nothing', () => {
    const { world, originals } = healed('keep-everything');
    expect(survivors(world, originals)).toBe(2);
  });

  it('keeps the replacement of what was started again since', () => {
    const two = running(2, 2);
    const original = orphansOf(two, 'node-1')[0]!.key;
    const [view] = asSeenBy(two, ['node-2'], ['node-1']);
    view!.setLeader('node-2');
    view!.converge({ nodes: ['node-2'] });
    expect(view!.state.get(original)).toBeDefined();
    const back = new ClusterWorld(['node-1', 'node-2'], 'node-2', view!.desired.copy());
    back.elapsed = view!.elapsed + 60_000;
    for (const node of ['node-1', 'node-2']) back.reportNode(node);
    back.learnReports(view!, ['node-2']);
    back.reportPod(original, readyStatus(back.now.wall));
    back.converge();
    expect(back.pods()).toHaveLength(2);
    expect(back.state.get(original)).toBeUndefined();
  });

  it('leave what its template holds back to whoever lifts the gate', () => {
    const world = worldOf(3, 'node-2');
    const schedulingGates = [{ name: 'example.com/quota' }];
    const { spec } = templateOf('web');
    world.create(replicaSetObject('web', 1, { template: { ...templateOf('web'), spec: { ...spec!, schedulingGates } } }));
    world.converge();
    const [original] = world.pods();
    expect(original!.object.kith?.binding).toBeUndefined();
    world.edit(original!.key, (draft) => void delete (draft['spec'] as { schedulingGates?: unknown }).schedulingGates);
    world.converge();
    const node = world.object(original!.key).object.kith!.binding!.node;
    world.setMember(node, 'dead');
    world.converge({ nodes: ['node-1', 'node-2', 'node-3'].filter((name) => name !== node) });
    const [replacement, ...others] = world.pods().filter(({ key }) => key !== original!.key);
    expect(others).toEqual([]);
    expect(replacement!.object.kith?.binding).toBeUndefined();
  });

  it('gives the slot back to the original, running or not, when no other node can take the replacement', () => {
    const world = worldOf(3, 'node-2');
    const nodeSelector = { 'kubernetes.io/hostname': 'node-1' };
    const spec = { restartPolicy: 'Always', nodeSelector, containers: [container({ cpu: '3' })] } as const;
    world.create(replicaSetObject('web', 1, { template: { ...templateOf('web'), spec: { ...spec, containers: [...spec.containers] } } }));
    world.converge();
    const [original] = world.pods();
    world.setMember('node-1', 'dead');
    world.converge({ nodes: ['node-2', 'node-3'] });
    expect(world.pods()).toHaveLength(2);
    world.setMember('node-1', 'alive', 2);
    world.converge();
    expect(world.pods().map(({ key }) => key)).toEqual([original!.key]);
    expect(slotStanding(world.state, world.object(original!.key))).toBe('kept');
  });

  it('does not take what a node said before it was lost for what runs there now', () => {
    const two = running(2, 2);
    const original = orphansOf(two, 'node-1')[0]!.key;
    const [view] = asSeenBy(two, ['node-2'], ['node-1']);
    view!.setLeader('node-2');
    view!.converge({ nodes: ['node-2'] });
    view!.setMember('node-1', 'alive', 2);
    expect(view!.decide()).toBe(false);
    // It has started anew, and has nothing to say of the pod.
    view!.converge({ nodes: ['node-2'] });
    expect(view!.events('Kept')).toEqual([]);
    expect(view!.object(original).object.metadata.deletionTimestamp).toBeDefined();
  });

  it('of two members gives the slot back to the original that never stopped', () => {
    const two = running(2, 2);
    const original = orphansOf(two, 'node-1')[0]!.key;
    const [view] = asSeenBy(two, ['node-2'], ['node-1']);
    view!.setLeader('node-2');
    view!.converge({ nodes: ['node-2'] });
    view!.setMember('node-1', 'alive');
    view!.converge();
    expect(view!.pods().map(({ key }) => key)).toContain(original);
    expect(view!.pods()).toHaveLength(2);
    expect(view!.events('Kept')).toHaveLength(1);
    const slot = String(view!.object(original).object.kith!.slot!.slot);
    // A later epoch, so that it wins over the claim wherever that is still on its way.
    expect(view!.object(RS).object.kith?.slots?.[slot]).toEqual({ epoch: 3, generation: 1 });
  });

  it('gives the slot back to the original, too, when the replacement was replaced meanwhile', () => {
    const two = running(2, 2);
    const original = orphansOf(two, 'node-1')[0]!.key;
    const [view] = asSeenBy(two, ['node-2'], ['node-1']);
    view!.setLeader('node-2');
    view!.converge({ nodes: ['node-2'] });
    view!.bury(view!.pods().find(({ object }) => object.kith?.slot?.generation === 2)!.key);
    view!.converge({ nodes: ['node-2'] });
    expect(view!.pods().some(({ object }) => object.kith?.slot?.generation === 3)).toBe(true);
    view!.setMember('node-1', 'alive');
    view!.converge();
    expect(view!.pods().map(({ key }) => key)).toContain(original);
    expect(view!.pods()).toHaveLength(2);
  });

  it('does not wait for ever for a node that came back without the pod', () => {
    const two = running(2, 2);
    const original = orphansOf(two, 'node-1')[0]!.key;
    const [view] = asSeenBy(two, ['node-2'], ['node-1']);
    view!.setLeader('node-2');
    view!.converge({ nodes: ['node-2'] });
    view!.reportPod(original, { phase: 'Pending' });
    view!.setMember('node-1', 'alive');
    view!.converge();
    expect(view!.state.get(original)).toBeUndefined();
    expect(view!.pods()).toHaveLength(2);
  });
});
