import { describe, expect, it } from 'vitest';
import type { ClusterView } from '../../../daemon/core/cluster/view.ts';
import { firstFree, isStrayAddress, planPodSubnet, podSubnetOf } from '../../../daemon/core/network/pod-subnets.ts';
import type { Node } from '../../../protocol/types.ts';
import { overlaps, readSubnet, type Subnet } from '../../../protocol/values/ipv4.ts';
import { type ClusterWorld, worldOf } from '../../support/cluster-view.ts';

const subnet = (text: string): Subnet => readSubnet(text)!;
const plan = (world: ClusterWorld, node: string, unusable: Subnet[] = []): ReturnType<typeof planPodSubnet> =>
  planPodSubnet(seenBy(world, node), { clusterId: 'c', unusable });
const seenBy = (world: ClusterWorld, node: string): ClusterView =>
  Object.create(world.state, { self: { value: { peer: `peer-${node}`, node } } }) as ClusterView;
const claim = (world: ClusterWorld, node: string, unusable: Subnet[] = []): string | undefined => {
  for (const decision of plan(world, node, unusable)) if (decision.do === 'write') world.write(decision.mutations);
  return podSubnetOf(world.state, node)?.text;
};
const set = (world: ClusterWorld, node: string, podCIDR: string, creationTimestamp?: string): void =>
  world.edit<Node>(`nodes//${node}`, (draft) => {
    draft.spec = { ...draft.spec, podCIDR, podCIDRs: [podCIDR] };
    if (creationTimestamp !== undefined) draft.metadata.creationTimestamp = creationTimestamp;
  });
const nodes = Array.from({ length: 40 }, (_, index) => `node-${index + 1}`);

describe("a node's subnet", () => {
  it('is its own among all nodes, the same in each try, and it is kept', () => {
    const world = worldOf(40);
    const taken = nodes.map((node) => claim(world, node));
    expect(new Set(taken).size).toBe(40);
    expect(taken.every((text) => /^10\.42\.\d+\.0\/24$/.test(text ?? ''))).toBe(true);
    expect(nodes.flatMap((node) => plan(world, node))).toEqual([]);
    expect(claim(worldOf(1), 'node-1')).toBe(taken[0]);
  });

  it('is none of what the host or its engine has already', () => {
    const world = worldOf(1);
    const first = claim(worldOf(1), 'node-1')!;
    const next = claim(world, 'node-1', [subnet(first)])!;
    expect(next).not.toBe(first);
    // The engine says so later: another one.
    expect(claim(world, 'node-1', [subnet(first), subnet(next)])).not.toBe(next);
    expect(claim(worldOf(1), 'node-1', [subnet('10.42.0.0/17'), subnet('10.42.128.0/18')])).toMatch(/^10\.42\.(19[2-9]|2\d\d)\./);
  });

  it('two sides of a split took: the older node keeps it everywhere, the other takes another, once', () => {
    for (const [left, right, renumbers] of [
      ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', 'node-2'],
      ['2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', 'node-1'],
      [undefined, undefined, 'node-2'],
    ]) {
      const world = worldOf(3);
      set(world, 'node-1', '10.42.9.0/24', left);
      set(world, 'node-2', '10.42.9.0/24', right);
      const keeps = renumbers === 'node-1' ? 'node-2' : 'node-1';
      expect(plan(world, keeps)).toEqual([]);
      expect(claim(world, renumbers!)).not.toBe('10.42.9.0/24');
      expect([plan(world, 'node-1'), plan(world, 'node-2')]).toEqual([[], []]);
    }
  });

  it('comes back into use when its node is removed, and is not taken by a peer that is not complete', () => {
    const world = worldOf(2);
    world.desired.write([]);
    const taken = claim(world, 'node-1');
    world.bury('nodes//node-1');
    world.forgetMember('node-1');
    const free = firstFree(subnet('10.42.0.0/16'), 'c\0node-1', [podSubnetOf(world.state, 'node-2') ?? subnet('10.43.0.0/24')]);
    expect(free).toBe(taken);
    world.state.setComplete(false);
    expect(plan(world, 'node-2')).toEqual([]);
  });

  it('is of the range that the founder chose; when that is full, the node says so', () => {
    const world = worldOf(5);
    const metadata = { name: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z' };
    const network = { apiVersion: 'kith.dev/v1', kind: 'ClusterNetwork', metadata, spec: { podRange: '10.99.4.0/22' } };
    world.write([{ type: 'create', key: 'clusternetworks.kith.dev//default', object: network }]);
    set(world, 'node-1', '10.42.7.0/24');
    const taken = nodes.slice(0, 4).map((node) => claim(world, node));
    expect([...taken].sort()).toEqual(['10.99.4.0/24', '10.99.5.0/24', '10.99.6.0/24', '10.99.7.0/24']);
    expect(plan(world, 'node-5')).toMatchObject([{ do: 'event', event: { reason: 'CIDRNotAvailable' } }]);
  });

  it('knows addresses that are in the part of another node', () => {
    const world = worldOf(2);
    set(world, 'node-1', '10.42.1.0/24');
    set(world, 'node-2', '10.42.2.0/24');
    const stray = (node: string, address: string): boolean => isStrayAddress(world.state, node, address);
    expect([stray('node-2', '10.42.1.9'), stray('node-2', '10.42.2.9'), stray('node-2', '10.42.77.9')]).toEqual([true, false, false]);
    expect([stray('node-2', '172.17.0.2'), stray('node-2', '127.3.3.3'), stray('node-9', '10.42.1.9')]).toEqual([false, false, false]);
  });
});

it('networks overlap when one is within the other, and are read strictly', () => {
  const [wide, inside, beside] = [subnet('10.42.0.0/16'), subnet('10.42.255.0/24'), subnet('10.43.0.0/24')];
  expect([overlaps(wide, inside), overlaps(inside, wide), overlaps(wide, beside)]).toEqual([true, true, false]);
  for (const text of ['10.42.7.1/24', '300.1.1.0/24', '10.1.2/24', 'fd00::/64', '10.0.0.0/33', ''])
    expect(readSubnet(text)).toBeUndefined();
});
