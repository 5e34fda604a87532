import { expect, it } from 'vitest';
import { concernsNode, ownConcerns } from '../../../daemon/core/reconcile/concerns.ts';
import { judgePods } from '../../../daemon/core/reconcile/judge.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import type { RuntimePod } from '../../../daemon/ports/runtime.ts';
import type { ReplicaSet } from '../../../protocol/types.ts';
import { boundNode } from '../../../daemon/core/cluster/pods.ts';
import { deploymentObject, readyStatus, replicaSetObject, worldOf, type ClusterWorld } from '../../support/cluster-view.ts';
import { seededRandom } from '../../support/virtual-clock.ts';

const SELF = 'node-1';
const OTHERS = ['node-2', 'node-3', 'node-4', 'node-5'];
const STEPS = 150;

/** What the view says of its changes, gathered. */
function gatherAffected({ state }: ClusterWorld): Set<ObjectKey> {
  const affected = new Set<ObjectKey>();
  const add = (keys: Set<ObjectKey>): Set<ObjectKey> => {
    for (const key of keys) affected.add(key);
    return keys;
  };
  const [desired, observed, liveness] = [state.applyDesired, state.applyObserved, state.applyLiveness].map((each) => each.bind(state));
  state.applyDesired = (...given) => add((desired as typeof state.applyDesired)(...given));
  state.applyObserved = (...given) => add((observed as typeof state.applyObserved)(...given));
  state.applyLiveness = (...given) => add((liveness as typeof state.applyLiveness)(...given));
  return affected;
}

/** Pods that were ever bound to this node run on it, whatever became of them. */
class Engine {
  readonly pods = new Map<string, RuntimePod>();

  look({ state }: ClusterWorld): void {
    for (const { uid, object } of state.podsOnNode(SELF)) {
      const { name, namespace = '' } = object.metadata;
      const container = { name: 'main', image: 'app:1', attempt: 0, state: 'running' as const, startedAt: 0 };
      const sandbox = { running: true, ip: '10.0.0.1', createdAt: 0 };
      this.pods.set(uid, { uid, name, namespace, sandbox, containers: [container] } as unknown as RuntimePod);
    }
  }
}

function change(world: ClusterWorld, random: () => number): void {
  const pick = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(random() * items.length)];
  const pods = world.pods();
  const pod = pick(pods);
  const set = pick(world.state.list('replicasets.apps'));
  const node = pick(OTHERS) ?? '';
  const acts = [
    () => world.decide(),
    () => world.decide(),
    () => world.runNodes(),
    () => world.runNodes([node]),
    () => world.setMember(node, 'dead'),
    () => world.setMember(node, 'alive'),
    () => world.reportNode(node, undefined, random() < 0.5 ? 'True' : 'False'),
    () => set !== undefined && world.edit<ReplicaSet>(set.key, (draft) => void (draft.spec.replicas = Math.floor(random() * 6))),
    () => pod !== undefined && boundNode(pod) !== undefined && world.reportPod(pod.key, readyStatus(world.now.wall)),
    () =>
      pod !== undefined && world.edit(pod.key, (draft) => void (draft.metadata.labels = { ...draft.metadata.labels, x: `${random()}` })),
    () => pod !== undefined && random() < 0.3 && world.bury(pod.key),
  ];
  pick(acts)?.();
  world.elapsed += Math.floor(random() * 4_000);
}

it.each([1, 2, 3])('whatever a node wants of its pods changes only with what concerns it (seed %i)', (seed) => {
  const random = seededRandom(seed).next;
  const world = worldOf(5);
  const affected = gatherAffected(world);
  world.create(replicaSetObject('set', 4), replicaSetObject('more', 3), deploymentObject('web', 4));
  const engine = new Engine();
  const judge = () => judgePods(world.state, [...engine.pods.values()], () => new Map());
  const wanted = (): string =>
    JSON.stringify(
      judge()
        .map(({ uid, intent: { why: _told, ...intent } }) => [uid, intent])
        .sort(),
    );
  let [concerned, foreign] = [0, 0];
  for (let step = 0; step < STEPS; step += 1) {
    engine.look(world);
    const [before, own] = [wanted(), ownConcerns(world.state, judge())];
    affected.clear();
    change(world, random);
    const concerns = concernsNode(world.state, affected, own);
    if (concerns) concerned += 1;
    else {
      foreign += 1;
      expect(wanted(), `step ${step}`).toBe(before);
    }
  }
  expect(concerned).toBeGreaterThan(20);
  expect(foreign).toBeGreaterThan(20);
});
