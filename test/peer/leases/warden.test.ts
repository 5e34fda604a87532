import { afterEach, describe, expect, it } from 'vitest';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Pod } from '../../../protocol/types.ts';
import type { EventDraft } from '../../../daemon/core/decisions.ts';
import { asPod } from '../../../daemon/core/cluster/pods.ts';
import { NO_CONFIG } from '../../../daemon/core/reconcile/config-source.ts';
import { containerStart, sandboxSpec } from '../../../daemon/core/reconcile/container-start.ts';
import { Voting } from '../../../daemon/peer/leases/voting.ts';
import { Warden } from '../../../daemon/peer/leases/warden.ts';
import type { ContainerStart } from '../../../daemon/ports/runtime.ts';
import { peerOf, podKey, podObject, worldOf } from '../../support/cluster-view.ts';
import { MemoryGuard, MemoryVoteBook } from '../../support/memory-guard.ts';
import { MemoryNetwork } from '../../support/memory-transport.ts';
import { silentLog } from '../../support/silent-log.ts';
import { SimulatedRuntime } from '../../support/simulated-runtime.ts';
import { seededRandom, VirtualClock } from '../../support/virtual-clock.ts';

const FACTS = { nodeName: 'node-1', hostIP: '', podIP: '', allocatable: {} };
const TOKEN = { name: 'TOKEN', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['kith.dev/fencing-token']" } } };
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** One node that is its own majority, unless it founded nothing; and a pod that must run at most once, bound to it. */
class World {
  readonly clock = new VirtualClock();
  readonly cluster = worldOf(1);
  readonly guard = new MemoryGuard();
  readonly runtime = new SimulatedRuntime(this.clock);
  readonly events: EventDraft[] = [];
  readonly voting: Voting;
  readonly warden: Warden;
  readonly started: ContainerStart[] = [];

  constructor(annotations: Record<string, string> = { 'kith.dev/partition': 'majority' }) {
    const { clock, cluster, guard, runtime } = this;
    runtime.present.add('x');
    cluster.create(podObject('solo', { containers: [{ name: 'main', image: 'x', env: [TOKEN] }] }, { metadata: { annotations } }));
    cluster.bind(podKey('solo'), 'node-1');
    const random = seededRandom(1);
    const transport = new MemoryNetwork({ clock, random }).transport(peerOf('node-1'));
    const world = { transport, clock, random, log: silentLog };
    this.voting = new Voting(
      { ...world, book: new MemoryVoteBook(), bootClock: () => clock.monotonic(), electors: () => undefined, isConfirmedDead: () => false },
      { incarnation: () => 1 },
    );
    this.warden = new Warden({
      ...world,
      voting: this.voting,
      guard,
      runtime,
      view: cluster.state,
      record: (event) => this.events.push(event),
    });
  }

  async start(founder = true): Promise<this> {
    const { signal } = new AbortController();
    await this.voting.start(signal, { founder });
    await this.warden.start(signal);
    this.warden.watch();
    stops.push(
      () => this.voting.stop(),
      () => this.warden.stop(),
    );
    return this;
  }

  get pod(): DesiredObject {
    return this.cluster.state.get(podKey('solo'))!;
  }

  /** As the agent does it. @returns the code of what it threw */
  async admit(): Promise<string> {
    const build = (pod: Pod): ContainerStart => containerStart(pod, pod.spec.containers[0]!, this.started.length, FACTS, NO_CONFIG);
    let end = 'under way';
    this.warden
      .admit(this.pod, build, async (spec) => {
        await spec.fence?.mark({});
        await this.runtime.createSandbox(sandboxSpec(asPod(this.pod)));
        await this.runtime.startContainer(spec);
        this.started.push(spec);
      })
      .then(
        () => (end = 'started'),
        (error: unknown) => (end = (error as { code: string }).code),
      );
    await this.clock.pass(10_000, () => end !== 'under way');
    return end;
  }
}

describe('the warden', () => {
  it('starts a pod under a lease, with its guard armed and marked before, and its token in the downward API', async () => {
    const world = await new World().start();
    expect(await world.admit()).toBe('started');
    const { uid } = world.pod;
    expect(world.guard.calls.slice(0, 2)).toEqual([`arm ${uid}`, `mark ${uid}`]);
    expect(world.started[0]?.env).toEqual({ TOKEN: '1000000001' });
    expect(world.started[0]?.fence?.notAfterMs).toBe(world.guard.pods.get(uid)?.deadline);
  });

  it('hands renewals on to the guard for as long as the pod runs', async () => {
    const world = await new World().start();
    await world.admit();
    const before = world.guard.pods.get(world.pod.uid)!.deadline;
    await world.clock.pass(30_000);
    expect(world.guard.pods.get(world.pod.uid)!.deadline).toBeGreaterThan(before + 25_000);
    expect(world.runtime.running()).toHaveLength(1);
  });

  it('starts nothing without a majority, and says why', async () => {
    const world = await new World().start(false);
    expect(await world.admit()).toBe('AwaitingMajority');
    expect(world.guard.calls).toEqual([]);
  });

  it('waits for the votes of two pods without looking all the time', async () => {
    const world = await new World().start(false);
    const { cluster, warden } = world;
    const annotations = { 'kith.dev/partition': 'majority' };
    cluster.create(podObject('duo', { containers: [{ name: 'main', image: 'x' }] }, { metadata: { annotations } }));
    cluster.bind(podKey('duo'), 'node-1');
    let looks = 0;
    stops.push(world.voting.onChanged(() => (looks += 1)));
    const ends = ['solo', 'duo'].map(async (name) => {
      const pod = cluster.state.get(podKey(name))!;
      const build = (made: Pod): ContainerStart => containerStart(made, made.spec.containers[0]!, 0, FACTS, NO_CONFIG);
      await expect(warden.admit(pod, build, async () => undefined)).rejects.toThrow('does not know yet who votes');
    });
    await world.clock.pass(2_000);
    await Promise.all(ends);
    expect(looks).toBeLessThan(50);
  });

  it('lets others start as ever', async () => {
    const world = await new World({}).start(false);
    expect(await world.admit()).toBe('started');
    expect(world.started[0]?.fence).toBeUndefined();
  });

  it('ends what the guard can not see or can not kill', async () => {
    const world = await new World().start();
    world.guard.seen = { seen: 1, killable: 0 };
    expect(await world.admit()).toBe('AwaitingMajority');
    expect(world.runtime.running()).toEqual([]);
  });

  it('gives the lease back when the pod is gone, after the guard has found nothing left of it', async () => {
    const world = await new World().start();
    await world.admit();
    const { uid } = world.pod;
    world.cluster.bury(podKey('solo'));
    await world.clock.pass(5_000);
    // It runs still: its agent has not stopped it yet.
    expect(world.voting.party.holds('pods/default/solo', uid, world.voting.now())).toBe(true);
    await world.clock.pass(1_000);
    const stopped = world.runtime.removePod(uid);
    await world.clock.pass(3_000);
    await stopped;
    expect(world.guard.calls.at(-1)).toBe(`clear ${uid}`);
    expect(world.voting.party.candidacies()).toEqual([]);
  });

  it('starts a pod that its guard killed only under a new lease, with a greater token', async () => {
    const world = await new World().start();
    await world.admit();
    const { uid } = world.pod;
    world.guard.kill(uid);
    expect(world.events.map(({ reason }) => reason)).toEqual(['LeaseLost']);
    world.runtime.crash(uid, 'main', 137);
    await world.clock.pass(5_000);
    expect(world.guard.calls).toContain(`clear ${uid}`);
    expect(await world.admit()).toBe('started');
    expect(world.started[1]?.env).toEqual({ TOKEN: '1000000002' });
  });

  it('ends a pod that runs without a lease: its workload was annotated a moment ago, or daemon and guard were gone', async () => {
    const world = await new World({}).start();
    await world.admit();
    expect(world.runtime.running()).toHaveLength(1);
    world.cluster.edit(podKey('solo'), (draft) => void (draft.metadata.annotations = { 'kith.dev/partition': 'majority' }));
    expect(await world.clock.pass(5_000, () => world.runtime.running().length === 0)).toBe(true);
  });

  it('lets a pod go on without its lease when its workload may run in many copies from now on', async () => {
    const world = await new World().start();
    await world.admit();
    world.cluster.edit(podKey('solo'), (draft) => void (draft.metadata.annotations = {}));
    expect(await world.clock.pass(5_000, () => world.voting.party.candidacies().length === 0)).toBe(true);
    expect(world.guard.calls.at(-1)).toBe(`forget ${world.pod.uid}`);
    expect(world.runtime.running()).toHaveLength(1);
  });

  it('takes up what an earlier run of the daemon held', async () => {
    const world = new World();
    const { uid } = world.pod;
    world.guard.pods.set(uid, { uid, resource: 'pods/default/solo', term: 7, deadline: world.voting.now() + 5_000, expired: false });
    await world.start();
    await world.clock.pass(500);
    expect(world.guard.pods.get(uid)!.deadline).toBeGreaterThan(world.voting.now() + 5_000);
  });
});
