import { describe, expect, it } from 'vitest';
import { ServiceTable } from '../../../daemon/core/network/service-table.ts';
import { targetsOf } from '../../../daemon/core/network/service-types.ts';
import type { StoredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import { container, podKey, podObject, readyStatus, worldOf, type ClusterWorld } from '../../support/cluster-view.ts';
import {
  addServingPod,
  endpointsOf,
  freshTable,
  inRotation,
  resolved,
  serviceKey,
  serviceObject,
  tellReadiness,
} from '../../support/service-world.ts';

function threeServing(spec = {}): ClusterWorld {
  const world = worldOf(3);
  world.create(serviceObject('web', spec));
  for (const index of [1, 2, 3]) addServingPod(world, `web-${index}`, { node: `node-${index}`, ip: `10.42.${index}.2` });
  return world;
}

const metadataOf = (name: string): StoredObject['metadata'] => ({ name, namespace: 'default', uid: '', creationTimestamp: '' });

const whyOf = (world: ClusterWorld, pod: string): string | undefined => endpointsOf(world).find((endpoint) => endpoint.pod === pod)?.why;

describe('the endpoints of a service', () => {
  it('are its ready pods on living nodes, by name', () => {
    const world = threeServing();
    addServingPod(world, 'web-0', { node: 'node-1', ip: '10.42.1.9', ready: false });
    addServingPod(world, 'other', { node: 'node-1', ip: '10.42.1.8', app: 'other' });
    addServingPod(world, 'addressless', { node: 'node-1' });
    expect(inRotation(world)).toEqual(['10.42.1.2:8080', '10.42.2.2:8080', '10.42.3.2:8080']);
    expect(whyOf(world, 'web-0')).toBe('not ready');
    expect(endpointsOf(world).map(({ local }) => local)).toEqual([true, true, false, false]);
  });

  it('lose the pods of a suspected node before it is dead, and have them back without ado', () => {
    const world = threeServing();
    world.setMember('node-2', 'suspected');
    expect(inRotation(world)).toEqual(['10.42.1.2:8080', '10.42.3.2:8080']);
    expect(whyOf(world, 'web-2')).toBe('node node-2 is under suspicion; others serve');
    world.setMember('node-2', 'alive');
    expect(inRotation(world)).toHaveLength(3);
    world.setMember('node-2', 'dead');
    expect(whyOf(world, 'web-2')).toBe('node node-2 is dead');
    expect(inRotation(world)).toEqual(['10.42.1.2:8080', '10.42.3.2:8080']);
  });

  it('keep the pods of suspected nodes where nobody else is left', () => {
    const world = threeServing();
    for (const node of ['node-1', 'node-2', 'node-3']) world.reportNode(node);
    tellReadiness(world, 'web-1', { ip: '10.42.1.2', ready: false });
    world.setMember('node-2', 'suspected');
    world.setMember('node-3', 'suspected');
    expect(inRotation(world)).toEqual(['10.42.2.2:8080', '10.42.3.2:8080']);
    expect(whyOf(world, 'web-2')).toBe('node node-2 is under suspicion; nobody better is left');
    world.setMember('node-2', 'dead');
    world.setMember('node-3', 'dead');
    expect(inRotation(world)).toEqual([]);
  });

  it('do not trust what a node said before it started anew, while others serve', () => {
    const world = threeServing();
    world.setMember('node-2', 'alive', 2);
    expect(inRotation(world)).toEqual(['10.42.1.2:8080', '10.42.3.2:8080']);
    expect(whyOf(world, 'web-2')).toContain('has not spoken of it since it started');
  });

  it('lose a pod that ends at once, and use it only when nothing else is left', () => {
    const world = threeServing();
    const end = (name: string): void =>
      world.edit(podKey(name), (draft) => {
        draft.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
      });
    end('web-1');
    expect(inRotation(world)).toEqual(['10.42.2.2:8080', '10.42.3.2:8080']);
    expect(endpointsOf(world)[0]).toMatchObject({ ready: false, serving: true, terminating: true });
    end('web-2');
    end('web-3');
    expect(inRotation(world)).toHaveLength(3);
    tellReadiness(world, 'web-1', { ip: '10.42.1.2', ready: false });
    expect(inRotation(world)).toEqual(['10.42.2.2:8080', '10.42.3.2:8080']);
  });

  it('lose a pod whose node says that it is not ready itself', () => {
    const world = threeServing();
    world.reportNode('node-2', undefined, 'False');
    expect(inRotation(world)).toEqual(['10.42.1.2:8080', '10.42.3.2:8080']);
    expect(whyOf(world, 'web-2')).toBe('node node-2 is not ready');
  });

  it('have pods that are not ready where they are to be published', () => {
    const world = threeServing({ publishNotReadyAddresses: true });
    tellReadiness(world, 'web-2', { ip: '10.42.2.2', ready: false });
    expect(inRotation(world)).toHaveLength(3);
    expect(whyOf(world, 'web-2')).toBe('not ready, and published all the same');
  });

  it('find a port by its name in each pod', () => {
    const world = worldOf(2);
    world.create(serviceObject('web', { ports: [{ port: 80, targetPort: 'http' }] }));
    const withPort = (containerPort: number): object => ({
      containers: [container(undefined, { ports: [{ name: 'http', containerPort }] })],
    });
    addServingPod(world, 'web-1', { node: 'node-1', ip: '10.42.1.2', spec: withPort(8080) });
    addServingPod(world, 'web-2', { node: 'node-2', ip: '10.42.2.2', spec: withPort(9090) });
    addServingPod(world, 'web-3', { node: 'node-2', ip: '10.42.2.3' });
    expect(inRotation(world)).toEqual(['10.42.1.2:8080', '10.42.2.2:9090']);
    expect(whyOf(world, 'web-3')).toBe('it has no port named http');
  });

  it('are at the address of the host where a pod has no network of its own', () => {
    const world = worldOf(1);
    world.create(serviceObject('web'));
    addServingPod(world, 'web-1', { node: 'node-1', hostIP: '192.0.2.7', spec: { hostNetwork: true, containers: [container()] } });
    expect(inRotation(world)).toEqual(['192.0.2.7:8080']);
  });
});

describe('endpoints that people write', () => {
  const subsets = [{ addresses: [{ ip: '192.0.2.1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [{ port: 9000 }] }];
  const endpoints = { apiVersion: 'v1', kind: 'Endpoints', metadata: metadataOf('web'), subsets } as never;

  it('serve a service without a selector, at the ports that they name', () => {
    const world = worldOf(1);
    world.create(serviceObject('web', { selector: {} }), endpoints);
    expect(inRotation(world)).toEqual(['192.0.2.1:9000']);
  });

  it('count for nothing where the service selects pods', () => {
    const world = threeServing();
    world.create(endpoints);
    expect(inRotation(world)).toHaveLength(3);
    expect(endpointsOf(world)).toHaveLength(3);
  });

  it('may be slices that bear the name of the service', () => {
    const world = worldOf(1);
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadataOf('web-abc'), labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['192.0.2.1'] }, { addresses: ['192.0.2.2'], conditions: { ready: false } }],
      ports: [{ port: 9000, protocol: 'TCP' }],
    };
    world.create(slice);
    world.create(serviceObject('web', { selector: {} }));
    expect(inRotation(world)).toEqual(['192.0.2.1:9000']);
    world.bury(objectKey('endpointslices.discovery.k8s.io', 'default', 'web-abc'));
    expect(inRotation(world)).toEqual([]);
  });
});

describe('the table of services', () => {
  it('says what the spec says', () => {
    const world = threeServing({
      type: 'NodePort',
      ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080 }],
      sessionAffinity: 'ClientIP',
      externalTrafficPolicy: 'Local',
    });
    expect(resolved(world)).toMatchObject({
      type: 'NodePort',
      clusterIP: '10.96.0.9',
      affinitySeconds: 10_800,
      externalTrafficPolicy: 'Local',
    });
    const [port] = resolved(world).ports;
    expect(port).toMatchObject({ name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 });
    expect(targetsOf(port!, 'Local').map(({ pod }) => pod)).toEqual(['web-1']);
    world.create(serviceObject('names', { type: 'ExternalName', externalName: 'example.com' }));
    expect(resolved(world, 'names')).toMatchObject({ externalName: 'example.com', clusterIP: '', ports: [] });
    world.create(serviceObject('all', { clusterIP: 'None' }));
    expect(resolved(world, 'all')).toMatchObject({ headless: true, clusterIP: '' });
  });

  it('told change by change equals one that is made anew, and names what changed', () => {
    const world = worldOf(3);
    const table = new ServiceTable();
    const changed: string[] = [];
    const { state } = world;
    for (const name of ['applyDesired', 'applyObserved', 'applyLiveness'] as const) {
      const apply = state[name].bind(state) as (...all: unknown[]) => Set<string>;
      state[name] = (...all: unknown[]) => {
        const affected = apply(...all);
        changed.push(...table.update(state, affected));
        expect(table.list()).toEqual(freshTable(world).list());
        return affected;
      };
    }
    const step = (work: () => void): string[] => {
      changed.length = 0;
      work();
      return [...new Set(changed)];
    };
    const web = [serviceKey('web')];
    expect(step(() => world.create(serviceObject('web'), serviceObject('other')))).toEqual([...web, serviceKey('other')]);
    for (const index of [1, 2, 3]) {
      expect(step(() => addServingPod(world, `web-${index}`, { node: `node-${index}`, ip: `10.42.${index}.2` }))).toEqual(web);
    }
    expect(step(() => world.setMember('node-2', 'suspected'))).toEqual(web);
    expect(step(() => world.setMember('node-2', 'suspected'))).toEqual([]);
    expect(step(() => world.setMember('node-2', 'alive', 2))).toEqual(web);
    expect(step(() => world.edit(podKey('web-1'), (draft) => void (draft.metadata.labels = { app: 'other' })))).toEqual([
      ...web,
      serviceKey('other'),
    ]);
    expect(
      step(() =>
        world.edit(serviceKey('web'), (draft) => void (draft['spec'] = { ...(draft['spec'] as object), selector: { app: 'other' } })),
      ),
    ).toEqual(web);
    expect(step(() => world.bury(podKey('web-1')))).toEqual([serviceKey('other'), ...web]);
    expect(step(() => world.bury(serviceKey('web')))).toEqual(web);
    expect(table.get(serviceKey('web'))).toBeUndefined();
  });

  it('is made of 1,000 services with 5,000 endpoints in little time, and a change of one of them in less', () => {
    const world = worldOf(10);
    const services = Array.from({ length: 1000 }, (_, index) => serviceObject(`s${index}`));
    world.create(...services);
    const pods = Array.from({ length: 5000 }, (_, index) => {
      const binding = {
        node: `node-${(index % 10) + 1}`,
        membersSeen: 1,
        membersKnown: 1,
        term: 1,
        by: 'leader',
        rank: 0,
        at: '',
      } as const;
      return podObject(
        `p${index}`,
        {},
        { metadata: { ...metadataOf(`p${index}`), labels: { app: `s${index % 1000}` } }, kith: { binding } },
      );
    });
    world.create(...pods);
    pods.forEach((pod, index) => world.reportPod(podKey(pod.metadata.name), { ...readyStatus(0), podIP: `10.42.${index % 10}.${index}` }));
    const table = new ServiceTable();
    const keys = [...world.state.keys()];
    const all = cpuMs(() => expect(table.update(world.state, keys).size).toBe(1000));
    const one = cpuMs(() => {
      world.setMember('node-1', 'suspected');
      table.update(
        world.state,
        world.state.podsOnNode('node-1').map(({ key }) => key),
      );
    });
    // Measured 140 (warm) and 60 ms on a busy machine; a walk over all pods for each service takes many seconds.
    expect(all).toBeLessThan(2000);
    expect(one).toBeLessThan(500);
  });
});

/** Of this process: a busy machine does not count. */
function cpuMs(work: () => void): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}
