import { afterEach, describe, expect, it } from 'vitest';
import { Brain, BRAIN_LIMITS, type BrainDeps } from '../../daemon/peer/brain.ts';
import { HEIR_SETTINGS } from '../../daemon/core/heirs/claims.ts';
import { COMPARING_MS } from '../../daemon/core/heirs/heal.ts';
import type { EventDraft } from '../../daemon/core/decisions.ts';
import type { Mutation } from '../../protocol/desired.ts';
import { KithError } from '../../protocol/errors.ts';
import type { ReplicaSet } from '../../protocol/types.ts';
import type { ClusterWorld } from '../support/cluster-view.ts';
import { container, podKey, podObject, replicaSetObject, worldOf } from '../support/cluster-view.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

interface Running {
  brain: Brain;
  world: ClusterWorld;
  clock: VirtualClock;
  events: EventDraft[];
  writes: (readonly Mutation[])[];
  shown: string[];
  /** Set to make writes fail. */
  refuse: ((mutations: readonly Mutation[]) => Error | undefined) | undefined;
}

const brains: Brain[] = [];
afterEach(async () => {
  for (const brain of brains.splice(0)) await brain.stop();
});

/** A brain over a world; what it writes is in the view at once, as on a peer, and wakes it again. */
async function run(world: ClusterWorld, deps: Pick<BrainDeps, 'antiEntropy' | 'comparisons' | 'liveness'> = {}): Promise<Running> {
  const clock = new VirtualClock();
  const running: Running = { world, clock, events: [], writes: [], shown: [], refuse: undefined, brain: undefined as unknown as Brain };
  running.brain = new Brain({
    view: world.state,
    write: async (mutations) => {
      const refusal = running.refuse?.(mutations);
      if (refusal !== undefined) throw refusal;
      world.elapsed = clock.monotonic();
      const changes = world.desired.write(mutations);
      running.writes.push(mutations);
      running.brain.touch(world.state.applyDesired(changes, clock.monotonic()));
    },
    record: (event) => running.events.push(event),
    showAgain: (keys) => running.shown.push(...keys),
    ...deps,
    clock,
    log: silentLog,
  });
  brains.push(running.brain);
  await running.brain.start();
  return running;
}

describe('the loop that decides', () => {
  it('makes pods and binds them, as leader', async () => {
    const world = worldOf(2);
    world.create(replicaSetObject('web', 4));
    const { clock, events } = await run(world);
    await clock.pass(200);
    expect(
      world
        .pods()
        .map(({ object }) => object.kith?.binding?.node)
        .sort(),
    ).toEqual(['node-1', 'node-1', 'node-2', 'node-2']);
    expect(events.map(({ reason }) => reason).filter((reason) => reason === 'Scheduled')).toHaveLength(4);
  });

  it('binds the pods that it makes in the write that makes them, and tells of each under its uid', async () => {
    const world = worldOf(2);
    world.create(replicaSetObject('web', 4));
    const { clock, events, writes } = await run(world);
    await clock.pass(200);
    const writing = writes.filter((mutations) => mutations.some(({ key }) => key.startsWith('pods/')));
    expect(writing).toHaveLength(1);
    const told = events.filter(({ reason }) => reason === 'Scheduled').map(({ about }) => about.metadata.uid);
    expect(told.sort()).toEqual(
      world
        .pods()
        .map(({ uid }) => uid)
        .sort(),
    );
  });

  it('binds a pod with a claim once it is there: its claim is bound with it', async () => {
    const world = worldOf(1);
    const set = replicaSetObject('web', 1);
    set.spec.template!.spec!.volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    world.create(set);
    const { clock } = await run(world);
    await clock.pass(200);
    expect(world.pods().map(({ object }) => object.kith?.binding)).toEqual([undefined]);
  });

  it('lets changes come together into one write', async () => {
    const world = worldOf(1);
    const { clock, brain, writes } = await run(world);
    await clock.pass(1_000);
    const before = writes.length;
    for (let index = 0; index < 20; index += 1) {
      world.create(podObject(`pod-${index}`));
      brain.touch([podKey(`pod-${index}`)]);
    }
    await clock.pass(100);
    expect(writes.length - before).toBe(1);
  });

  it('does nothing while the view is not complete, and everything once it is', async () => {
    const world = worldOf(1);
    world.create(replicaSetObject('web', 2));
    world.state.setComplete(false);
    const { clock, brain, writes } = await run(world);
    await clock.pass(BRAIN_LIMITS.resyncMs * 2);
    expect(writes).toEqual([]);
    brain.touch(world.state.setComplete(true));
    await clock.pass(200);
    expect(world.pods()).toHaveLength(2);
  });

  it('leaves the leader’s duties to the leader, and takes them all up when it becomes one', async () => {
    const world = worldOf(2);
    world.create(replicaSetObject('web', 2));
    world.setLeader('node-2');
    const { clock, brain, writes } = await run(world);
    await clock.pass(BRAIN_LIMITS.resyncMs * 2);
    expect(writes).toEqual([]);
    world.setLeader('node-1');
    brain.touch([]);
    await clock.pass(200);
    expect(world.pods()).toHaveLength(2);
  });

  it('does an heir’s duties without being leader', async () => {
    const world = worldOf(2);
    world.create(replicaSetObject('web', 2));
    world.converge();
    world.setLeader('node-2');
    const { clock, brain } = await run(world);
    await clock.pass(world.elapsed);
    world.setMember('node-2', 'dead');
    brain.touch(world.state.podsOnNode('node-2').map(({ key }) => key));
    await clock.pass(5_000);
    expect(world.state.podsOnNode('node-1')).toHaveLength(2);
  });

  it('tries again after a write that lost a race, and lets the rest of the batch through', async () => {
    const world = worldOf(1);
    world.create(podObject('a'), podObject('b'));
    const running = await run(world);
    const began = running.clock.monotonic();
    running.refuse = (mutations) => {
      const lost = mutations.some(({ key }) => key === podKey('a')) && running.clock.monotonic() < began + 1_000;
      return lost ? new KithError('UidMismatch', 'overtaken') : undefined;
    };
    await running.clock.pass(50);
    expect(world.object(podKey('b')).object.kith?.binding).toBeDefined();
    expect(world.object(podKey('a')).object.kith?.binding).toBeUndefined();
    expect(running.events.filter(({ about }) => about.metadata.name === 'a')).toEqual([]);
    await running.clock.pass(5_000);
    expect(world.object(podKey('a')).object.kith?.binding).toBeDefined();
  });

  it('tells why a pod finds no node once for each reason, and binds it soon after there is room', async () => {
    const world = worldOf(1);
    world.create(
      podObject('big', { containers: [container({ cpu: '3' })] }),
      podObject('other', { containers: [container({ cpu: '3' })] }),
    );
    const { clock, brain, events } = await run(world);
    await clock.pass(BRAIN_LIMITS.resyncMs * 3);
    const failures = (): EventDraft[] => events.filter(({ reason }) => reason === 'FailedScheduling');
    expect(failures()).toHaveLength(1);
    const placed = world.pods().find(({ object }) => object.kith?.binding !== undefined)!;
    world.bury(placed.key);
    brain.touch([placed.key]);
    await clock.pass(2_000);
    expect(world.pods().map(({ object }) => object.kith?.binding?.node)).toEqual(['node-1']);
    expect(failures()).toHaveLength(1);
  });

  it('finds by itself, within half a minute, what it was not told', async () => {
    const world = worldOf(1);
    world.create(replicaSetObject('web', 1));
    const { clock } = await run(world);
    await clock.pass(1_000);
    world.edit<ReplicaSet>('replicasets.apps/default/web', (draft) => {
      draft.spec.replicas = 3;
    });
    await clock.pass(BRAIN_LIMITS.resyncMs + 1_000);
    expect(world.pods()).toHaveLength(3);
  });

  it('lets one bad object harm only itself', async () => {
    const world = worldOf(1);
    const bad = replicaSetObject('bad', 1);
    world.create(
      { ...bad, kith: { slots: 7 as never, retired: 'x' as never }, spec: { ...bad.spec, selector: 5 as never, template: null as never } },
      replicaSetObject('web', 2),
    );
    const { clock } = await run(world);
    await clock.pass(2_000);
    expect(world.state.ownedBy(world.object('replicasets.apps/default/web').uid)).toHaveLength(2);
  });

  it('asks for another look when a pod becomes available by the passing of time', async () => {
    const world = worldOf(1);
    world.create(replicaSetObject('web', 1, { minReadySeconds: 10 }));
    const { clock, brain, shown } = await run(world);
    await clock.pass(100);
    world.elapsed = clock.monotonic();
    world.runNodes();
    brain.touch(['replicasets.apps/default/web']);
    await clock.pass(12_000);
    expect(shown).toContain('replicasets.apps/default/web');
  });

  it('decides nothing after it stood still, until it has caught up with others', async () => {
    const world = worldOf(1);
    const state = { hasCaughtUp: true, asked: 0 };
    const antiEntropy = {
      get hasCaughtUp() {
        return state.hasCaughtUp;
      },
      fallBehind: () => {
        state.hasCaughtUp = false;
        state.asked += 1;
        return true;
      },
    };
    const { clock, brain, writes } = await run(world, { antiEntropy });
    brain.stoodStill();
    world.create(replicaSetObject('web', 1));
    brain.touch(['replicasets.apps/default/web']);
    await clock.pass(BRAIN_LIMITS.heldBackMs - 100);
    expect([state.asked, writes.length]).toEqual([1, 0]);
    state.hasCaughtUp = true;
    await clock.pass(BRAIN_LIMITS.heldBackLookMs + 10);
    expect(world.pods()).toHaveLength(1);
    // Nobody answers: others may be gone as well.
    brain.stoodStill();
    world.create(replicaSetObject('api', 1));
    brain.touch(['replicasets.apps/default/api']);
    await clock.pass(BRAIN_LIMITS.heldBackMs - 100);
    expect(world.pods()).toHaveLength(1);
    await clock.pass(200);
    expect(world.pods()).toHaveLength(2);
  });

  it('compares with a node that is heard again, so that what becomes of a pod which was replaced meanwhile is judged by its word of now', async () => {
    const world = worldOf(2);
    world.create(replicaSetObject('web', 2));
    world.converge();
    const [original] = world.state.podsOnNode('node-2');
    world.setMember('node-2', 'dead');
    world.converge({ nodes: ['node-1'], quietMs: HEIR_SETTINGS.doubtMs * 2 });
    expect(world.pods()).toHaveLength(3);
    world.setMember('node-2', 'alive');
    const asked: string[] = [];
    const { clock, brain, writes } = await run(world, { comparisons: { compareWith: (peer) => asked.push(peer) } });
    brain.touch(['replicasets.apps/default/web']);
    await clock.pass(world.elapsed + 2 * COMPARING_MS + 50);
    expect(asked.length).toBeGreaterThan(1);
    expect(new Set(asked)).toEqual(new Set(['peer-node-2']));
    expect(writes).toEqual([]);
    world.comparedAt.set('peer-node-2', clock.monotonic());
    await clock.pass(2 * COMPARING_MS);
    const { slot } = original!.object.kith ?? {};
    const state = world.object('replicasets.apps/default/web').object.kith?.slots?.[String(slot?.slot)];
    expect(state?.generation).toBe(slot?.generation);
  });

  it('has a node asked whose death it takes on the word of others, before it claims its pods', async () => {
    const world = worldOf(2);
    world.create(replicaSetObject('web', 2));
    world.converge();
    world.setMember('node-2', 'dead');
    const states = world.state.members().map((member) => ({ ...member, ...(member.state === 'dead' ? { hearsay: true as const } : {}) }));
    world.state.applyLiveness(states, world.state.leader, world.elapsed);
    const asked: [peer: string, writes: number][] = [];
    const running: Running = await run(world, { liveness: { doubt: (peer) => asked.push([peer, running.writes.length]) } });
    running.brain.touch(world.pods().map(({ key }) => key));
    await running.clock.pass(world.elapsed + HEIR_SETTINGS.hearsayMs + 100);
    expect(asked[0]).toEqual(['peer-node-2', 0]);
  });

  it('stops: no pass, no timer', async () => {
    const world = worldOf(1);
    const { clock, brain, writes } = await run(world);
    await brain.stop();
    world.create(replicaSetObject('web', 1));
    brain.touch(['replicasets.apps/default/web']);
    await clock.pass(BRAIN_LIMITS.resyncMs * 2);
    expect(writes).toEqual([]);
  });
});
