import { describe, expect, it } from 'vitest';
import { deriveEndpoints } from '../../../daemon/core/network/derived-endpoints.ts';
import type { KubeObject } from '../../../protocol/objects.ts';
import { container, podKey, worldOf, type ClusterWorld } from '../../support/cluster-view.ts';
import { addServingPod, resolved, serviceKey, serviceObject } from '../../support/service-world.ts';

interface Shown extends KubeObject {
  subsets?: { addresses?: { ip: string }[]; notReadyAddresses?: { ip: string }[]; ports?: object[] }[];
  endpoints?: { addresses: string[]; conditions: Record<string, boolean> }[];
  ports?: { port: number }[] | null;
}

function derive(world: ClusterWorld, name = 'web'): [Shown, ...Shown[]] {
  return deriveEndpoints(world.object(serviceKey(name)), resolved(world, name)) as [Shown, ...Shown[]];
}

describe('Endpoints and EndpointSlices of a service', () => {
  it('tell its pods, ready or not, as upstream writes them', () => {
    const world = worldOf(2);
    world.create(serviceObject('web'));
    addServingPod(world, 'web-1', { node: 'node-1', ip: '10.42.1.2' });
    addServingPod(world, 'web-2', { node: 'node-2', ip: '10.42.2.2', ready: false });
    const [endpoints, slice, ...more] = derive(world);
    expect(more).toEqual([]);
    const targetRef = { kind: 'Pod', namespace: 'default', name: 'web-1', uid: world.object(podKey('web-1')).uid };
    expect(endpoints).toMatchObject({
      kind: 'Endpoints',
      metadata: { name: 'web', namespace: 'default' },
      subsets: [
        {
          addresses: [{ ip: '10.42.1.2', nodeName: 'node-1', targetRef }],
          notReadyAddresses: [{ ip: '10.42.2.2', nodeName: 'node-2' }],
          ports: [{ port: 8080, protocol: 'TCP' }],
        },
      ],
    });
    expect(slice).toMatchObject({
      kind: 'EndpointSlice',
      metadata: { labels: { 'kubernetes.io/service-name': 'web' }, ownerReferences: [{ kind: 'Service', name: 'web' }] },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      endpoints: [
        { addresses: ['10.42.1.2'], conditions: { ready: true, serving: true, terminating: false }, nodeName: 'node-1', targetRef },
        { addresses: ['10.42.2.2'], conditions: { ready: false } },
      ],
    });
    expect(derive(world).map(({ metadata }) => [metadata.name, metadata.uid])).toEqual(
      [endpoints, slice].map((it) => [it?.metadata.name, it?.metadata.uid]),
    );
  });

  it('say that a pod ends in the slice only, and of a suspected node that it is not ready while others serve', () => {
    const world = worldOf(3);
    world.create(serviceObject('web'));
    for (const index of [1, 2, 3]) addServingPod(world, `web-${index}`, { node: `node-${index}`, ip: `10.42.${index}.2` });
    world.edit(podKey('web-1'), (draft) => {
      draft.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    });
    world.setMember('node-2', 'suspected');
    const [endpoints, slice] = derive(world);
    expect(endpoints.subsets?.[0]?.addresses?.map(({ ip }) => ip)).toEqual(['10.42.3.2']);
    expect(endpoints.subsets?.[0]?.notReadyAddresses?.map(({ ip }) => ip)).toEqual(['10.42.2.2']);
    expect(slice?.endpoints?.map(({ conditions }) => conditions)).toEqual([
      { ready: false, serving: true, terminating: true },
      { ready: false, serving: true, terminating: false },
      { ready: true, serving: true, terminating: false },
    ]);
  });

  it('stand apart by the ports that pods have for a name', () => {
    const world = worldOf(1);
    world.create(serviceObject('web', { ports: [{ name: 'http', port: 80, targetPort: 'http' }] }));
    const withPort = (containerPort: number): object => ({
      containers: [container(undefined, { ports: [{ name: 'http', containerPort }] })],
    });
    addServingPod(world, 'a', { node: 'node-1', ip: '10.42.1.2', spec: withPort(8080) });
    addServingPod(world, 'b', { node: 'node-1', ip: '10.42.1.3', spec: withPort(9090) });
    const [endpoints, ...slices] = derive(world);
    expect(endpoints.subsets).toHaveLength(2);
    expect(slices.map((slice) => [slice.ports?.[0]?.port, slice.endpoints?.[0]?.addresses])).toEqual([
      [8080, ['10.42.1.2']],
      [9090, ['10.42.1.3']],
    ]);
    expect(new Set(slices.map(({ metadata }) => metadata.name)).size).toBe(2);
  });

  it('are empty without pods, lack for a service without a selector, and are cut into slices of 100', () => {
    const world = worldOf(1);
    world.create(serviceObject('web'), serviceObject('own', { selector: {} }), serviceObject('many', { clusterIP: 'None', ports: [] }));
    const [endpoints, slice] = derive(world);
    expect(endpoints.subsets).toBeUndefined();
    expect(slice).toMatchObject({ endpoints: [], ports: null });
    expect(derive(world, 'own')).toEqual([]);
    for (let index = 0; index < 101; index += 1)
      addServingPod(world, `many-${index}`, { node: 'node-1', ip: `10.42.1.${index}`, app: 'many' });
    const [all, ...slices] = derive(world, 'many');
    expect(slices.map((one) => one.endpoints?.length)).toEqual([100, 1]);
    expect(all.subsets?.[0]?.addresses).toHaveLength(101);
    expect(all.subsets?.[0]?.ports).toBeUndefined();
    expect(all.metadata.labels).toHaveProperty(['service.kubernetes.io/headless'], '');
  });
});
