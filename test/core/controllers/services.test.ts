import { describe, expect, it } from 'vitest';
import type { Service } from '../../../protocol/types.ts';
import { worldOf, type ClusterWorld } from '../../support/cluster-view.ts';
import { resolved, serviceKey, serviceObject } from '../../support/service-world.ts';

const specOf = (world: ClusterWorld, name: string): NonNullable<Service['spec']> =>
  (world.object(serviceKey(name)).object as Service).spec ?? {};

function older(name: string, spec: Service['spec'], creationTimestamp: string): ReturnType<typeof serviceObject> {
  const service = serviceObject(name, spec);
  return { ...service, metadata: { ...service.metadata, creationTimestamp } };
}

describe('addresses of services that two sides of a split gave away twice', () => {
  const spec = { clusterIP: '10.96.7.7', clusterIPs: ['10.96.7.7'], type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] } as const;

  it('stay with the older service; the other gets new ones, and an Event says so', () => {
    const settle = (): ClusterWorld => {
      const world = worldOf(1);
      world.create(
        older('a-late', structuredClone(spec) as never, '2026-01-01T00:00:09Z'),
        older('b-early', structuredClone(spec) as never, '2026-01-01T00:00:01Z'),
      );
      world.converge();
      return world;
    };
    const world = settle();
    expect(specOf(world, 'b-early')).toEqual(specOf(settle(), 'b-early'));
    expect(specOf(world, 'b-early')).toMatchObject(spec);
    const late = specOf(world, 'a-late');
    expect(late.clusterIP).toMatch(/^10\./);
    expect(late.clusterIP).not.toBe('10.96.7.7');
    expect(late.clusterIPs).toEqual([late.clusterIP]);
    expect(late.ports?.[0]?.nodePort).not.toBe(30_080);
    // Whoever leads settles it alike.
    expect(specOf(settle(), 'a-late')).toEqual(late);
    expect(world.events('ClusterIPAlreadyAllocated')).toEqual([
      `Cluster IP 10.96.7.7 was assigned to service default/b-early, too, which keeps it; it has ${late.clusterIP} from now on`,
    ]);
    expect(world.events('PortAlreadyAllocated')[0]).toContain(`its node ports are ${late.ports?.[0]?.nodePort} from now on`);
  });

  it('of different protocols are different ports; headless services have none', () => {
    const world = worldOf(1);
    const udp = { ...spec, clusterIP: '10.96.7.8', clusterIPs: ['10.96.7.8'], ports: [{ port: 53, nodePort: 30_080, protocol: 'UDP' }] };
    const none = { clusterIP: 'None', clusterIPs: ['None'], ports: [{ port: 80 }] };
    world.create(
      serviceObject('tcp', structuredClone(spec) as never),
      serviceObject('udp', udp),
      serviceObject('x', none),
      serviceObject('y', none),
    );
    world.converge();
    expect(specOf(world, 'udp').ports?.[0]?.nodePort).toBe(30_080);
    expect(world.events('ClusterIPAlreadyAllocated')).toEqual([]);
  });
});

describe('the service of the API', () => {
  it('is there in every cluster and leads to the API of the own host', () => {
    const world = worldOf(2);
    world.converge();
    expect(specOf(world, 'kubernetes')).toMatchObject({ clusterIP: '10.96.0.1', ports: [{ port: 443, targetPort: 6443 }] });
    for (const [node, host] of [
      ['node-1', '192.0.2.1'],
      ['node-2', '192.0.2.2'],
    ]) {
      world.edit(`members.kith.dev//peer-${node}`, (draft) => {
        draft['spec'] = { ...(draft['spec'] as object), apiAddresses: [`https://${host}:6443`] };
      });
    }
    const endpoints = resolved(world, 'kubernetes').ports[0]?.endpoints;
    expect(endpoints?.map(({ ip, port, inCluster }) => [ip, port, inCluster])).toEqual([
      ['192.0.2.1', 6443, true],
      ['192.0.2.2', 6443, false],
    ]);
    world.bury(serviceKey('kubernetes'));
    world.converge();
    expect(specOf(world, 'kubernetes').clusterIP).toBe('10.96.0.1');
  });
});
