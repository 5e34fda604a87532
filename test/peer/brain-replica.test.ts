import { afterEach, expect, it } from 'vitest';
import { ClusterState } from '../../daemon/core/cluster/state.ts';
import { Brain } from '../../daemon/peer/brain.ts';
import type { DocumentReplica } from '../../daemon/peer/replica/document-replica.ts';
import { validateMerged } from '../../protocol/kinds/merged.ts';
import type { ObjectKey } from '../../protocol/objects.ts';
import type { ReplicaSet } from '../../protocol/types.ts';
import { keyOf, peerOf, podKey, podObject, readyStatus, replicaSetObject, worldOf } from '../support/cluster-view.ts';
import { exchange, makeReplica } from '../support/replica-world.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { waitFor } from '../support/wait.ts';

const RS = 'replicasets.apps/default/web';
const NODES = ['node-1', 'node-2'];
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface Peer {
  replica: DocumentReplica;
  state: ClusterState;
  clock: VirtualClock;
  /** What liveness and the nodes say, as this peer sees it. */
  see(alive: readonly string[], leads: boolean): void;
  reportAll(alive: readonly string[]): void;
}

/** A brain on a real replica. */
async function peer(node: string): Promise<Peer> {
  const { replica } = await makeReplica({
    mergeUnitsOf: (resource) => ({ members: resource === 'replicasets.apps' ? ['/spec'] : [] }),
    // What is decided must be what a replica takes; the members of these tests have made-up peer ids.
    validate: (object) => {
      if (object.kind === 'Member') return undefined;
      const [first] = validateMerged(object);
      return first === undefined ? undefined : `${first.field}: ${first.message}`;
    },
  });
  const clock = new VirtualClock();
  const state = new ClusterState({ buriedLife: (key) => replica.buriedLife(key) }, { self: { peer: peerOf(node), node } });
  const brain = new Brain({
    view: state,
    write: (mutations) => replica.write(mutations),
    record: () => undefined,
    clock,
    log: silentLog,
  });
  replica.onChanged((changes) => brain.touch(state.applyDesired(changes, clock.monotonic())));
  state.setComplete(true);
  await brain.start();
  stops.push(
    () => replica.stop(),
    () => brain.stop(),
  );
  const observe = (on: string, key: string, value: Parameters<ClusterState['applyObserved']>[0][number]['value']): void =>
    brain.touch(state.applyObserved([{ owner: peerOf(on), node: on, incarnation: 1, sequence: 1, key, value, signature: '' }], 0));
  return {
    replica,
    state,
    clock,
    see(alive, leads) {
      const members = NODES.map((name) => ({
        peer: peerOf(name),
        state: alive.includes(name) ? ('alive' as const) : ('dead' as const),
        since: clock.monotonic(),
        incarnation: 1,
      }));
      brain.touch(state.applyLiveness(members, { term: 1, peer: leads ? peerOf(node) : 'another', isSelf: leads }, clock.monotonic()));
      const status = { allocatable: { cpu: '4', memory: '8Gi', pods: '110' }, conditions: [{ type: 'Ready', status: 'True' }] };
      for (const name of NODES) observe(name, 'node', { kind: 'node', version: '0', status });
    },
    reportAll(alive) {
      for (const name of alive) {
        for (const { uid, object } of state.podsOnNode(name)) {
          if (state.podReport(uid, name) !== undefined) continue;
          const about = { uid, namespace: 'default', name: object.metadata.name };
          observe(name, `pod/${uid}`, { kind: 'pod', ...about, status: readyStatus(clock.now()) });
        }
      }
    },
  };
}

const keys = (each: Peer): ObjectKey[] =>
  each.state
    .list('pods')
    .map(({ key }) => key)
    .sort();

async function settled(
  what: string,
  peers: readonly Peer[],
  alive: (each: Peer) => readonly string[],
  condition: () => boolean,
): Promise<void> {
  await waitFor(what, async () => {
    for (const each of peers) {
      each.reportAll(alive(each));
      await each.clock.pass(1_000);
    }
    return condition();
  });
}

it('two leaders on real replicas that replace the same lost pod on two sides of a cut make one and the same', async () => {
  const [left, right] = [await peer('node-1'), await peer('node-2')];
  const both = [left, right];
  left.see(NODES, true);
  right.see(NODES, false);
  const members = worldOf(2).state;
  for (const name of NODES) {
    const { object } = members.get(`members.kith.dev//${peerOf(name)}`)!;
    await left.replica.write([{ type: 'create', key: keyOf(object), object }]);
  }
  await left.replica.write([{ type: 'create', key: RS, object: replicaSetObject('web', 4) }]);
  await settled(
    'four pods',
    [left],
    () => NODES,
    () => left.state.list('pods').filter(({ object }) => object.kith?.binding !== undefined).length === 4,
  );
  await exchange(left.replica, right.replica);
  expect(keys(right)).toEqual(keys(left));

  // The cut: each side leads itself and sees the other dead.
  left.see(['node-1'], true);
  right.see(['node-2'], true);
  for (const each of both) {
    const lost = each.state.list('pods').find(({ key }) => key === keys(each)[0])!;
    await each.replica.write([{ type: 'bury', key: lost.key, uid: lost.uid, at: '2026-01-01T00:00:00Z' }]);
  }
  const own = (each: Peer): string[] => [each.state.self.node];
  const serving = (each: Peer): number => each.state.podsOnNode(each.state.self.node).length;
  await settled('four pods on each side', both, own, () => both.every((each) => serving(each) >= 4));

  // The heal.
  left.see(NODES, true);
  right.see(NODES, false);
  await waitFor('four pods again', async () => {
    await exchange(left.replica, right.replica);
    for (const each of both) {
      each.reportAll(NODES);
      await each.clock.pass(2_000);
    }
    // What agents would do: end what is deleted.
    for (const { key, uid, object } of left.state.list('pods')) {
      if (object.metadata.deletionTimestamp !== undefined)
        await left.replica.write([{ type: 'bury', key, uid, at: '2026-01-01T00:00:00Z' }]);
    }
    return keys(left).length === 4 && keys(right).join() === keys(left).join();
  });
  const { replicas } = (left.state.get(RS)?.object as ReplicaSet).spec;
  expect(replicas).toBe(4);
});

it('moves a pod that nobody controls to its next life on a real replica', async () => {
  const right = await peer('node-2');
  const members = worldOf(2).state;
  for (const name of NODES) {
    for (const key of [`members.kith.dev//${peerOf(name)}`, `nodes//${name}`]) {
      const { object } = members.get(key)!;
      await right.replica.write([{ type: 'create', key, object }]);
    }
  }
  const binding = { node: 'node-1', membersSeen: 2, membersKnown: 2, term: 1, by: 'leader', rank: 0, at: '2026-01-01T00:00:00Z' } as const;
  await right.replica.write([{ type: 'create', key: podKey('solo'), object: podObject('solo', {}, { kith: { binding } }) }]);
  right.see(['node-2'], false);
  await settled(
    'its second life here',
    [right],
    () => ['node-2'],
    () => right.state.get(podKey('solo'))?.life === 2,
  );
  expect(right.state.get(podKey('solo'))?.object.kith?.binding).toMatchObject({ node: 'node-2', by: 'heir' });
});

it('gives the pod of a dead node that no other node takes to the scheduler', async () => {
  const right = await peer('node-2');
  const members = worldOf(2).state;
  for (const key of NODES.flatMap((name) => [`members.kith.dev//${peerOf(name)}`, `nodes//${name}`])) {
    const { object } = members.get(key)!;
    await right.replica.write([{ type: 'create', key, object }]);
  }
  right.see(NODES, true);
  await right.replica.write([{ type: 'create', key: RS, object: replicaSetObject('web', 2) }]);
  const onDead = (): number => right.state.podsOnNode('node-1').length;
  await settled(
    'a pod on each',
    [right],
    () => NODES,
    () => onDead() === 1,
  );
  const node = right.replica.get('nodes//node-2')!;
  const next = { ...node.object, spec: { unschedulable: true } };
  await right.replica.write([{ type: 'update', key: node.key, uid: node.uid, base: node.object, next }]);
  right.see(['node-2'], true);
  const waiting = (): boolean => right.state.unboundPods().some(({ object }) => object.metadata.deletionTimestamp === undefined);
  await settled('it waits for a node', [right], () => ['node-2'], waiting);
  const free = right.replica.get('nodes//node-2')!;
  await right.replica.write([{ type: 'update', key: free.key, uid: free.uid, base: free.object, next: node.object }]);
  await settled(
    'it has one',
    [right],
    () => ['node-2'],
    () => right.state.podsOnNode('node-2').length === 2,
  );
});
