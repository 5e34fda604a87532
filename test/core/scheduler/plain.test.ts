import { expect, it } from 'vitest';
import { placePods } from '../../../daemon/core/scheduler/place.ts';
import type { OwnerReference } from '../../../protocol/objects.ts';
import type { LabelSelector, PodAffinityTerm, PodSpec, TopologySpreadConstraint } from '../../../protocol/types.ts';
import { ClusterWorld, container, keyOf, podObject } from '../../support/cluster-view.ts';
import { PlainPlacement } from '../../support/plain-placement.ts';
import type { Random } from '../../../daemon/ports/clock.ts';
import { seededRandom } from '../../support/virtual-clock.ts';

const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);
const NODES = 7;
/** Of each seed: some that run already, then a batch that is placed. */
const [BEFORE, PLACED] = [16, 24];

class Dice {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  chance(share: number): boolean {
    return this.#random.next() < share;
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random.next() * choices.length)]!;
  }

  /** A list of one, or nothing. */
  maybe<T>(share: number, make: () => T): T[] {
    return this.chance(share) ? [make()] : [];
  }
}

const APPS = ['web', 'db', 'cache'];
const NAMESPACES = ['default', 'shop'];
const PLACES = ['kubernetes.io/hostname', 'zone', 'rack'];

function selector(dice: Dice): LabelSelector {
  if (dice.chance(0.15)) return {};
  if (dice.chance(0.2)) return { matchExpressions: [{ key: 'tier', operator: dice.oneOf(['Exists', 'DoesNotExist']) }] };
  return { matchLabels: { app: dice.oneOf(APPS) } };
}

function term(dice: Dice): PodAffinityTerm {
  return {
    topologyKey: dice.oneOf(PLACES),
    ...(dice.chance(0.95) ? { labelSelector: selector(dice) } : {}),
    ...(dice.chance(0.2) ? { namespaces: [dice.oneOf(NAMESPACES)] } : {}),
    ...(dice.chance(0.2) ? { namespaceSelector: dice.oneOf([{}, { matchLabels: { team: 'shop' } }]) } : {}),
    ...(dice.chance(0.2) ? dice.oneOf([{ matchLabelKeys: ['version'] }, { mismatchLabelKeys: ['version'] }]) : {}),
  };
}

function spread(dice: Dice): TopologySpreadConstraint {
  return {
    maxSkew: dice.oneOf([1, 2]),
    topologyKey: dice.oneOf(PLACES),
    whenUnsatisfiable: dice.oneOf(['DoNotSchedule', 'ScheduleAnyway']),
    labelSelector: selector(dice),
    ...(dice.chance(0.2) ? { minDomains: 3 } : {}),
    ...(dice.chance(0.2) ? { matchLabelKeys: ['version'] } : {}),
  };
}

function specOf(dice: Dice): Partial<PodSpec> {
  const weighted = () => ({ weight: dice.oneOf([1, 10, 50]), podAffinityTerm: term(dice) });
  return {
    containers: [container(dice.chance(0.7) ? { cpu: dice.oneOf(['100m', '500m']), memory: dice.oneOf(['64Mi', '1Gi']) } : undefined)],
    ...(dice.chance(0.2) ? { nodeSelector: { disk: 'ssd' } } : {}),
    ...(dice.chance(0.3) ? { tolerations: [{ operator: 'Exists' }] } : {}),
    topologySpreadConstraints: dice.maybe(0.4, () => spread(dice)),
    affinity: {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: dice.maybe(0.2, () => term(dice)),
        preferredDuringSchedulingIgnoredDuringExecution: dice.maybe(0.3, weighted),
      },
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: dice.maybe(0.2, () => term(dice)),
        preferredDuringSchedulingIgnoredDuringExecution: dice.maybe(0.3, weighted),
      },
    },
  };
}

function randomPod(dice: Dice, name: string) {
  const namespace = dice.oneOf(NAMESPACES);
  const app = dice.oneOf(APPS);
  const labels = { app, version: dice.oneOf(['1', '2']), ...(dice.chance(0.3) ? { tier: 'front' } : {}) };
  const owner: OwnerReference = { apiVersion: 'batch/v1', kind: 'Job', name: app, uid: `owner-${namespace}-${app}`, controller: true };
  const creationTimestamp = '2026-01-01T00:00:00Z';
  return podObject(name, specOf(dice), {
    metadata: { name, namespace, uid: '', creationTimestamp, labels, ...(dice.chance(0.7) ? { ownerReferences: [owner] } : {}) },
  });
}

function randomWorld(dice: Dice): ClusterWorld {
  const names = Array.from({ length: NODES }, (_, index) => `node-${index + 1}`);
  const world = new ClusterWorld(names);
  for (const name of names) {
    const labels = {
      ...(dice.chance(0.85) ? { zone: dice.oneOf(['a', 'b', 'c']) } : {}),
      ...(dice.chance(0.6) ? { rack: dice.oneOf(['1', '2']) } : {}),
      ...(dice.chance(0.7) ? { disk: 'ssd' } : {}),
    };
    const taints = dice.maybe(0.2, () => ({ key: 'special', value: 'yes', effect: dice.oneOf(['NoSchedule', 'PreferNoSchedule']) }));
    const allocatable = { cpu: dice.oneOf(['2', '4']), memory: '8Gi', pods: dice.oneOf(['5', '110']) };
    world.addNode(name, { labels, allocatable, spec: { taints, unschedulable: dice.chance(0.1) } });
    if (dice.chance(0.1)) world.reportNode(name, allocatable, 'False');
  }
  for (const name of NAMESPACES)
    world.create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, uid: '', creationTimestamp: '2026-01-01T00:00:00Z', labels: { team: name } },
    });
  for (let index = 0; index < BEFORE; index += 1) {
    const pod = randomPod(dice, `before-${index}`);
    world.create(pod);
    world.bind(keyOf(pod), dice.oneOf(names));
    if (dice.chance(0.1)) world.edit(keyOf(pod), (draft) => (draft.metadata.deletionTimestamp = '2026-01-01T00:00:01Z'));
  }
  return world;
}

it.each(SEEDS)('places as the rules say, read one pod and one node at a time (seed %i)', (seed) => {
  const dice = new Dice(seed);
  const world = randomWorld(dice);
  const pods = world.create(...Array.from({ length: PLACED }, (_, index) => randomPod(dice, `pod-${index}`)));
  const { placed, unplaced } = placePods(world.state, pods);
  const answers = new Map([
    ...placed.map(({ pod, node }) => [pod.key, node] as const),
    ...unplaced.map(({ pod, message }) => [pod.key, message.replace(/ preemption: .*/, '')] as const),
  ]);
  const plain = new PlainPlacement(world.state);
  for (const pod of pods) expect([pod.key, answers.get(pod.key)]).toEqual([pod.key, plain.place(pod)]);
});
