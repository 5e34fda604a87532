import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unknownPods } from '../../../daemon/core/reconcile/judge.ts';
import { KithError } from '../../../protocol/errors.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { DesiredObject, SlotState } from '../../../protocol/objects.ts';
import type { PodStatus } from '../../../protocol/types.ts';
import { AgentWorld } from '../../support/agent-world.ts';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
});
afterEach(() => world.close());

const OWNER = objectKey('replicasets.apps', 'default', 'web');
const READY: PodStatus = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };

async function addOwner(slots: Record<string, SlotState>, retired: number[] = []): Promise<DesiredObject> {
  const metadata = { name: 'web', namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z' };
  const object = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata, spec: {}, kith: { slots, retired } };
  const [owner] = await world.desired.write([{ type: 'create', key: OWNER, object }]);
  return owner!;
}

function setSlots(slots: Record<string, SlotState>, retired: number[] = []): Promise<void> {
  return world.update(OWNER, (object) => ({ ...object, kith: { slots, retired } }));
}

function addSlotPod(owner: DesiredObject, slot: number, generation: number, node = 'node-1'): Promise<DesiredObject> {
  return world.addPod(`web-${slot}-${generation}`, {
    node,
    metadata: { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: owner.uid, controller: true }] },
    kith: {
      slot: { owner: owner.uid, slot, generation },
      binding: { node, membersSeen: 2, membersKnown: 2, term: 1, by: 'leader', rank: 0, at: '2026-01-01T00:00:00Z' },
    },
  });
}

/** The other node, of the pod. */
function sayReady({ uid, object }: DesiredObject): void {
  const about = { uid, namespace: 'default', name: object.metadata.name };
  world.observed.put('peer-2', 'node-2', `pod/${uid}`, { kind: 'pod', ...about, status: READY });
}

describe('an incomplete view', () => {
  it('starts what is bound and stops nothing', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    const deleted = await world.addPod('deleted');
    await world.clock.until('ready', () => world.isReady(pod) && world.isReady(deleted));
    await world.agent!.stop();
    world.state.setComplete(false);
    await world.deletePod('deleted');
    await world.bury(pod.key);
    world.startAgent();
    const bound = await world.addPod('bound');
    await world.clock.until('started', () => world.isReady(bound));
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['bound/main#0', 'deleted/main#0', 'web/main#0']);
    world.changed(world.state.setComplete(true));
    await world.clock.until('only the bound one', () => world.runtime.running().join() === 'bound/main#0');
  });
});

describe('a pod of ours that desired state does not know', () => {
  it('is left alone, although the view is complete, and told of', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    world.desired.objects.delete(pod.key);
    world.changed(world.state.applyDesired([{ key: pod.key, before: pod, after: undefined }], 0));
    await world.clock.advance(120_000);
    expect(world.runtime.running()).toEqual(['web/main#0']);
    expect(unknownPods(world.state, [world.runtime.inspect(pod.uid)!]).map(({ uid }) => uid)).toEqual([pod.uid]);
    world.state.setComplete(false);
    expect(unknownPods(world.state, [world.runtime.inspect(pod.uid)!])).toEqual([]);
  });
});

describe('a pod whose binding went to another node', () => {
  it('runs on until it is ready there', async () => {
    await world.addMember('node-2', 'peer-2');
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    await world.update(pod.key, (object) => ({ ...object, kith: { binding: { ...object.kith!.binding!, node: 'node-2' } } }));
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['web/main#0']);
    sayReady(pod);
    await world.clock.until('stopped here', () => world.runtime.podUids().length === 0);
    expect(world.desired.objects.has(pod.key)).toBe(true);
  });

  it('runs on until that node lives, where it may run at most once: there it waits for the lease that it has here', async () => {
    await world.addMember('node-2', 'peer-2');
    world.startAgent();
    const pod = await world.addPod('web', { metadata: { annotations: { 'kith.dev/partition': 'majority' } } });
    await world.clock.until('ready', () => world.isReady(pod));
    world.hold('peer-2', 'dead');
    await world.update(pod.key, (object) => ({ ...object, kith: { binding: { ...object.kith!.binding!, node: 'node-2' } } }));
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['web/main#0']);
    world.hold('peer-2', 'alive');
    await world.clock.until('stopped here', () => world.runtime.podUids().length === 0);
    expect(world.desired.objects.has(pod.key)).toBe(true);
  });
});

describe('a pod that Services send traffic to', () => {
  it('runs on until that has ended everywhere, unless it is to go at once; and the agent ends while it waits', async () => {
    const left = Promise.withResolvers<void>();
    const asked: string[] = [];
    world.leaveRotation = (namespace, uid, signal) => {
      asked.push(`${namespace} ${uid}`);
      signal.addEventListener('abort', () => left.resolve());
      return left.promise;
    };
    world.startAgent();
    const pods = [await world.addPod('web'), await world.addPod('now')];
    await world.clock.until('ready', () => pods.every((pod) => world.isReady(pod)));
    await world.deletePod('web');
    await world.deletePod('now', 0);
    await world.clock.advance(30_000);
    expect(world.runtime.running()).toEqual(['web/main#0']);
    expect(asked).toEqual([`default ${pods[0]!.uid}`]);
    await world.restartAgent();
    await world.clock.until('stopped', () => world.runtime.running().length === 0);
    expect(asked).toHaveLength(2);
  });
});

describe('slots', () => {
  it('that are retired end their pods, whatever the number of replicas says', async () => {
    const owner = await addOwner({ 0: { epoch: 1, generation: 1 }, 1: { epoch: 1, generation: 1 } });
    const pods = [await addSlotPod(owner, 0, 1), await addSlotPod(owner, 1, 1)];
    world.startAgent();
    await world.clock.until('ready', () => pods.every((pod) => world.isReady(pod)));
    await setSlots({ 0: { epoch: 1, generation: 1 }, 1: { epoch: 1, generation: 1 } }, [1]);
    await world.clock.until('one left', () => world.runtime.running().join() === 'web-0-1/main#0');
    await world.clock.until('buried', () => !world.desired.objects.has(pods[1]!.key));
  });

  it('filled by a later generation keep the earlier pod until the later one is ready', async () => {
    await world.addMember('node-2', 'peer-2');
    const claim = { from: 1, node: 'node-2', membersSeen: 2, membersKnown: 3 };
    const owner = await addOwner({ 0: { epoch: 1, generation: 1 } });
    const pod = await addSlotPod(owner, 0, 1);
    world.startAgent();
    await world.clock.until('ready', () => world.isReady(pod));
    await setSlots({ 0: { epoch: 2, generation: 2, claim } });
    const heir = await addSlotPod(owner, 0, 2, 'node-2');
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['web-0-1/main#0']);
    sayReady(heir);
    await world.clock.until('stopped', () => world.runtime.podUids().length === 0);
    await world.clock.until('buried', () => !world.desired.objects.has(pod.key));
  });

  it.each([
    [0, 'Succeeded'],
    [1, undefined],
  ])(
    'filled by a later generation, the earlier pod ends with exit code %d: its success counts, its failure does not',
    async (exitCode, phase) => {
      await world.addMember('node-2', 'peer-2');
      const claim = { from: 1, node: 'node-2', membersSeen: 2, membersKnown: 3 };
      const owner = await addOwner({ 0: { epoch: 1, generation: 1 } });
      world.runtime.behaviours.set('app:1', { exitAfterMs: 5_000, exitCode });
      const pod = await addSlotPod(owner, 0, 1);
      await world.update(pod.key, (object) => ({ ...object, spec: { ...(object.spec as object), restartPolicy: 'Never' } }));
      world.startAgent();
      await world.clock.until('ready', () => world.isReady(pod));
      await setSlots({ 0: { epoch: 2, generation: 2, claim } });
      await addSlotPod(owner, 0, 2, 'node-2');
      await world.clock.until('it has ended', () => world.runtime.running().length === 0);
      await world.clock.advance(60_000);
      expect(world.desired.objects.get(pod.key)?.object.kith?.outcome?.phase).toBe(phase);
      expect(world.runtime.started).toHaveLength(1);
    },
  );

  it('claimed by a minority leave the choice to the heal', async () => {
    await world.addMember('node-2', 'peer-2');
    const claim = { from: 1, node: 'node-2', membersSeen: 1, membersKnown: 2 };
    const owner = await addOwner({ 0: { epoch: 1, generation: 1 } });
    const pod = await addSlotPod(owner, 0, 1);
    world.startAgent();
    await world.clock.until('ready', () => world.isReady(pod));
    await setSlots({ 0: { epoch: 2, generation: 2, claim } });
    const heir = await addSlotPod(owner, 0, 2, 'node-2');
    sayReady(heir);
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['web-0-1/main#0']);
    await setSlots({ 0: { epoch: 3, generation: 1 } });
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['web-0-1/main#0']);
    expect(world.desired.objects.has(pod.key)).toBe(true);
  });

  it('claimed by a majority leave the choice to the heal, too, where an annotation asks for it', async () => {
    await world.addMember('node-2', 'peer-2');
    const claim = { from: 1, node: 'node-2', membersSeen: 2, membersKnown: 3 };
    const owner = await addOwner({ 0: { epoch: 1, generation: 1 } });
    const pod = await addSlotPod(owner, 0, 1);
    const annotations = { 'kith.dev/reconcile': 'keep-original' };
    await world.update(pod.key, (object) => ({ ...object, metadata: { ...object.metadata, annotations } }));
    world.startAgent();
    await world.clock.until('ready', () => world.isReady(pod));
    await setSlots({ 0: { epoch: 2, generation: 2, claim } });
    const heir = await addSlotPod(owner, 0, 2, 'node-2');
    sayReady(heir);
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['web-0-1/main#0']);
  });

  it.each([
    ['has retired', { 0: { epoch: 1, generation: 1 } }, [0]],
    ['fills with an earlier generation that is ready', { 0: { epoch: 1, generation: 1 } }, []],
  ])('that the owner, as far as its changes came here, %s do not end a pod that is newer than they are', async (_how, slots, retired) => {
    await world.addMember('node-2', 'peer-2');
    const owner = await addOwner(slots, retired);
    const earlier = await addSlotPod(owner, 0, 1, 'node-2');
    sayReady(earlier);
    const newer = await addSlotPod(owner, 0, 2);
    world.startAgent();
    await world.clock.until('ready', () => world.isReady(newer));
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['web-0-2/main#0']);
    expect(world.desired.objects.has(newer.key)).toBe(true);
  });

  it('filled by a later generation are not started here', async () => {
    const owner = await addOwner({ 0: { epoch: 2, generation: 2 } });
    await addSlotPod(owner, 0, 1);
    world.startAgent();
    await world.clock.advance(60_000);
    expect(world.runtime.history).toEqual([]);
  });
});

it('volumes whose removal hangs hold up no other pod', async () => {
  world.startAgent();
  const names = Array.from({ length: 20 }, (_, index) => `stuck-${index}`);
  const pods = await Promise.all(names.map((name) => world.addPod(name)));
  await world.clock.until('ready', () => pods.every((pod) => world.isReady(pod)));
  const removal = Promise.withResolvers<void>();
  world.volumes.slowRemoval = () => removal.promise;
  for (const name of names) await world.deletePod(name, 0);
  await world.clock.until('nothing runs', () => world.runtime.podUids().length === 0);
  const other = await world.addPod('other');
  await world.clock.until('another starts', () => world.isReady(other), 5_000);
  expect(world.desired.objects.size).toBe(1 + names.length);
  removal.resolve();
  await world.clock.until('all are gone', () => world.desired.objects.size === 1, 120_000);
});

it('a container that can not be stopped does not have those stopped twice that are still ending', async () => {
  world.runtime.behaviours.set('app:slow', { ignoresStop: true });
  world.startAgent();
  const container = (name: string, image: string) => ({ name, image, imagePullPolicy: 'IfNotPresent' as const });
  const pod = await world.addPod('web', { spec: { containers: [container('quick', 'app:1'), container('slow', 'app:slow')] } });
  await world.clock.until('ready', () => world.isReady(pod));
  world.runtime.failures.set('stopContainer', [new KithError('EngineFailed', 'device or resource busy')]);
  await world.deletePod('web', 20);
  await world.clock.until('it is gone', () => world.runtime.podUids().length === 0, 120_000);
  const stops = world.runtime.history.filter(({ what }) => what === 'stop').map((event) => event.container);
  expect(stops).toEqual(['slow', 'quick']);
});

it('a pod that may stay after all leaves rotation anew when it is to go again', async () => {
  let left = 0;
  world.leaveRotation = () => ((left += 1), new Promise((resolve) => world.clock.after(2_000, resolve)));
  world.startAgent();
  const owner = await addOwner({ 0: { epoch: 1, generation: 0 } });
  const pod = await addSlotPod(owner, 0, 0);
  await world.clock.until('ready', () => world.isReady(pod));
  await setSlots({ 0: { epoch: 1, generation: 0 } }, [0]);
  await world.clock.advance(1_000);
  await setSlots({ 0: { epoch: 1, generation: 0 } });
  await world.clock.advance(500);
  await setSlots({ 0: { epoch: 1, generation: 0 } }, [0]);
  // The first time has passed, and the second has not.
  await world.clock.advance(1_500);
  expect(world.runtime.running()).toEqual(['web-0-0/main#0']);
  await world.clock.until('it is gone', () => world.runtime.running().length === 0, 60_000);
  expect(left).toBe(2);
});
