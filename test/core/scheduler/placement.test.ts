import { describe, expect, it } from 'vitest';
import { placePods } from '../../../daemon/core/scheduler/place.ts';
import { rankHeirs } from '../../../daemon/core/heirs/ranking.ts';
import { meansPod, queryOf } from '../../../daemon/core/scheduler/pod-queries.ts';
import { NodeTable } from '../../../daemon/core/scheduler/node-table.ts';
import type { PodSpec } from '../../../protocol/types.ts';
import { ClusterWorld, podKey, podObject } from '../../support/cluster-view.ts';

/** Two zones of two nodes each. */
function zones(): ClusterWorld {
  const nodes = ['a1', 'a2', 'b1', 'b2'];
  const world = new ClusterWorld(nodes, 'a1');
  for (const name of nodes) world.addNode(name, { labels: { zone: name.slice(0, 1) } });
  return world;
}

function place(world: ClusterWorld, name: string, app: string, spec: Partial<PodSpec> = {}): string {
  world.create(
    podObject(name, spec, {
      metadata: { name, namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z', labels: { app } },
    }),
  );
  const { placed, unplaced } = placePods(world.state, [world.object(podKey(name))]);
  const node = placed[0]?.node;
  if (node === undefined) return unplaced[0]?.message ?? '';
  world.bind(podKey(name), node);
  return node;
}

const term = (app: string, topologyKey = 'zone') => ({ labelSelector: { matchLabels: { app } }, topologyKey });
const near = (app: string, topologyKey?: string): Partial<PodSpec> => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app, topologyKey)] } },
});
const apart = (app: string, topologyKey?: string): Partial<PodSpec> => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app, topologyKey)] } },
});
const spread = (maxSkew = 1, whenUnsatisfiable = 'DoNotSchedule', topologyKey = 'zone'): Partial<PodSpec> => ({
  topologySpreadConstraints: [{ maxSkew, whenUnsatisfiable, topologyKey, labelSelector: { matchLabels: { app: 'web' } } }],
});

describe('placing pods by where others run', () => {
  it('puts a pod near to what it wants to be near to', () => {
    const world = zones();
    const zone = place(world, 'db', 'db').slice(0, 1);
    for (const name of ['w1', 'w2', 'w3']) expect(place(world, name, 'web', near('db')).slice(0, 1)).toBe(zone);
    expect(place(world, 'x', 'x', near('none'))).toBe(
      "0/4 nodes are available: 4 node(s) didn't match pod affinity rules. preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
    );
  });

  it('lets the first of a group that wants to be together go anywhere', () => {
    const world = zones();
    const zone = place(world, 'w1', 'web', near('web')).slice(0, 1);
    expect(place(world, 'w2', 'web', near('web')).slice(0, 1)).toBe(zone);
  });

  it('keeps apart what wants to be apart', () => {
    const world = zones();
    const first = place(world, 'w1', 'web', apart('web')).slice(0, 1);
    const second = place(world, 'w2', 'web', apart('web')).slice(0, 1);
    expect([first, second].sort()).toEqual(['a', 'b']);
    expect(place(world, 'w3', 'web', apart('web'))).toBe(
      "0/4 nodes are available: 4 node(s) didn't satisfy existing pods anti-affinity rules. preemption: 0/4 nodes are available: 4 No preemption victims found for incoming pod.",
    );
  });

  it('keeps others away from who does not want them', () => {
    const world = zones();
    const alone = place(world, 'alone', 'alone', apart('web')).slice(0, 1);
    for (const name of ['w1', 'w2']) expect(place(world, name, 'web').slice(0, 1)).not.toBe(alone);
    expect(place(world, 'other', 'other', apart('web'))).toMatch(new RegExp(`^${alone}`));
  });

  it('spreads evenly, and waits where it can not', () => {
    const world = zones();
    const placed = ['w1', 'w2', 'w3', 'w4'].map((name) => place(world, name, 'web', spread()).slice(0, 1));
    expect(placed.sort()).toEqual(['a', 'a', 'b', 'b']);
    for (const node of ['b1', 'b2']) world.edit(`nodes//${node}`, (draft) => (draft.spec = { unschedulable: true }));
    expect(place(world, 'w5', 'web', spread())).toMatch(/^a/);
    expect(place(world, 'w6', 'web', spread())).toBe(
      "0/4 nodes are available: 2 node(s) didn't match pod topology spread constraints, 2 node(s) were unschedulable. preemption: 0/4 nodes are available: 2 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.",
    );
    expect(place(world, 'w7', 'web', spread(1, 'ScheduleAnyway'))).toMatch(/^a/);
    expect(place(world, 'w8', 'web', spread(1, 'DoNotSchedule', 'rack'))).toContain('(missing required label)');
  });

  it('does not wait for a zone that is dead', () => {
    const world = zones();
    for (const node of ['b1', 'b2']) world.setMember(node, 'dead', 1, [3, 4]);
    expect(['w1', 'w2', 'w3'].map((name) => place(world, name, 'web', spread()).slice(0, 1))).toEqual(['a', 'a', 'a']);
  });

  it('prefers what the pod prefers before all else', () => {
    const world = zones();
    const requirement = { key: 'zone', operator: 'In', values: ['b'] };
    const preferred = [{ weight: 10, preference: { matchExpressions: [requirement] } }];
    const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: preferred };
    for (const name of ['p1', 'p2', 'p3']) expect(place(world, name, 'p', { affinity: { nodeAffinity } })).toMatch(/^b/);
    const podAntiAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 50, podAffinityTerm: term('p') }] };
    expect(place(world, 'q', 'q', { affinity: { podAntiAffinity } })).toMatch(/^a/);
    world.edit('nodes//a1', (draft) => (draft.spec = { taints: [{ key: 'slow', effect: 'PreferNoSchedule' }] }));
    expect(place(world, 'r', 'r', { nodeSelector: { zone: 'a' } })).toBe('a2');
  });

  it('holds for heirs', () => {
    const world = zones();
    const first = place(world, 'w1', 'web', apart('web'));
    place(world, 'w2', 'web', apart('web'));
    world.setMember(first, 'dead', 1, [3, 4]);
    const heirs = rankHeirs(new NodeTable(world.state), world.object(podKey('w1')), 5);
    expect(heirs).toEqual(['a1', 'a2', 'b1', 'b2'].filter((node) => node !== first && node.startsWith(first.slice(0, 1))));
  });
});

it('reads a rule that pods share by the labels of each', () => {
  const world = zones();
  const rule = { ...term('web'), matchLabelKeys: ['version'] };
  const [first, second] = ['1', '2'].map((version) => {
    const metadata = { name: `w${version}`, namespace: 'default', uid: '', creationTimestamp: '', labels: { app: 'web', version } };
    return world.create(podObject(metadata.name, {}, { metadata }))[0]!;
  });
  const means = (left: typeof first, right: typeof first) => meansPod(queryOf(left!, rule), right!.object.metadata, () => undefined);
  expect([means(first, first), means(first, second), means(second, first), means(second, second)]).toEqual([true, false, false, true]);
});
