import { describe, expect, it } from 'vitest';
import { LONG_ABSENCE_MS, planLongAbsence, planMissingNodes, planNodeLabels } from '../../../daemon/core/controllers/nodes.ts';
import type { StoredObject } from '../../../protocol/objects.ts';
import type { NodeReport } from '../../../protocol/observed.ts';
import { podKey, podObject, worldOf } from '../../support/cluster-view.ts';

it('a member that is dead for three days is told of, with what its absence costs and what to do; not before, nor when it lives', () => {
  const world = worldOf(3);
  const plan = (): ReturnType<typeof planLongAbsence> => planLongAbsence(world.state, world.object('nodes//node-2'), world.now);
  expect(plan()).toEqual([]);
  world.setMember('node-2', 'dead');
  const diedAt = world.now.monotonic;
  expect(plan()).toEqual([{ do: 'wake', key: 'nodes//node-2', at: diedAt + LONG_ABSENCE_MS }]);
  world.elapsed += LONG_ABSENCE_MS;
  const [told] = plan();
  expect(told).toMatchObject({ do: 'event', event: { type: 'Warning', reason: 'MemberAbsent', about: { metadata: { name: 'node-2' } } } });
  expect(JSON.stringify(told)).toContain('kith delete node node-2');
});

describe('labels of a node', () => {
  const reportOf = (architecture: string) =>
    ({
      kind: 'node',
      version: '0',
      status: {
        allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { architecture, operatingSystem: 'linux' },
      },
    }) as unknown as NodeReport;

  it('say what it is by its own report, so that a nodeSelector finds it; a person cannot say otherwise, and adds what they like', () => {
    const world = worldOf(2);
    world.edit(
      'nodes//node-1',
      (draft) => (draft.metadata.labels = { ...draft.metadata.labels, disk: 'ssd', 'kubernetes.io/arch': 'vax' }),
    );
    world.observe('node-1', 'node', reportOf('arm64'));
    world.observe('node-2', 'node', reportOf('amd64'));
    world.create(podObject('web', { nodeSelector: { 'kubernetes.io/arch': 'arm64', 'kubernetes.io/os': 'linux' } }));
    world.converge();
    const labels = { 'kubernetes.io/arch': 'arm64', 'kubernetes.io/hostname': 'node-1', 'kubernetes.io/os': 'linux', disk: 'ssd' };
    expect(world.object('nodes//node-1').object.metadata.labels).toEqual(labels);
    expect(planNodeLabels(world.state, world.object('nodes//node-1'))).toEqual([]);
    expect(world.object(podKey('web')).object.kith?.binding?.node).toBe('node-1');
  });

  it('leave out what can be no label', () => {
    const name = `${'long-'.repeat(13)}name`;
    const world = worldOf(1);
    world.addNode(name);
    world.bury(`nodes//${name}`);
    world.observe(name, 'node', reportOf('not an architecture'));
    const [made] = planMissingNodes(world.state);
    expect(made).toMatchObject({ do: 'write', mutations: [{ object: { metadata: { name, labels: {} } } }] });
    world.create((made as { mutations: { object: StoredObject }[] }).mutations[0]!.object);
    const [told] = planNodeLabels(world.state, world.object(`nodes//${name}`));
    expect(told).toMatchObject({ mutations: [{ next: { metadata: { labels: { 'kubernetes.io/os': 'linux' } } } }] });
  });
});
