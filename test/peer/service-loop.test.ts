import { describe, expect, it } from 'vitest';
import { netText } from '../../cli/commands/net.ts';
import { netAnswer } from '../../daemon/peer/network/net-answer.ts';
import { ServiceLoop } from '../../daemon/peer/network/service-loop.ts';
import { renderObject } from '../../daemon/core/status/render.ts';
import type { ServiceSink } from '../../daemon/ports/service-sink.ts';
import type { KubeObject, ObjectKey } from '../../protocol/objects.ts';
import type { Service } from '../../protocol/types.ts';
import { worldOf, type ClusterWorld } from '../support/cluster-view.ts';
import { addServingPod, serviceKey, serviceObject } from '../support/service-world.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

interface Rig {
  world: ClusterWorld;
  loop: ServiceLoop;
  clock: VirtualClock;
  /** Keys that were to be shown again, of the last step. */
  shown: Set<ObjectKey>;
  step(work: () => void): string[];
}

function rig(...sinks: ServiceSink[]): Rig {
  const world = worldOf(2);
  const clock = new VirtualClock();
  const loop = new ServiceLoop({ view: world.state, sinks, clock, log: silentLog });
  const shown = new Set<ObjectKey>();
  for (const name of ['applyDesired', 'applyObserved', 'applyLiveness'] as const) {
    const apply = (world.state[name] as (...all: unknown[]) => Set<string>).bind(world.state);
    world.state[name] = (...all: unknown[]) => {
      const affected = apply(...all);
      for (const key of loop.touch(affected)) shown.add(key);
      return affected;
    };
  }
  const step = (work: () => void): string[] => {
    shown.clear();
    work();
    return [...shown].sort();
  };
  return { world, loop, clock, shown, step };
}

describe('the services of a peer', () => {
  it('show their endpoints instead of what somebody stored, until they go', () => {
    const { world, loop, step } = rig();
    const show = (key: ObjectKey): KubeObject | undefined => renderObject(world.state, key, world.now, loop);
    const shown = step(() => world.create(serviceObject('web')));
    expect(shown).toEqual(['endpoints/default/web', expect.stringMatching(/^endpointslices.discovery.k8s.io\/default\/web-/)]);
    const [endpoints = '', slice = ''] = shown;
    expect(step(() => addServingPod(world, 'web-1', { node: 'node-1', ip: '10.42.1.2' }))).toContain(endpoints);
    expect(JSON.stringify(show(endpoints))).toContain('10.42.1.2');
    const metadata = { name: 'web', namespace: 'default', uid: '', creationTimestamp: '' };
    const subsets = [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 1 }] }];
    world.create({ apiVersion: 'v1', kind: 'Endpoints', metadata, subsets });
    expect(JSON.stringify(show(endpoints))).not.toContain('192.0.2.1');
    expect(
      step(() => world.edit(serviceKey('web'), (draft) => void (draft['spec'] = { ...(draft['spec'] as object), selector: {} }))),
    ).toContain(slice);
    expect(JSON.stringify(show(endpoints))).toContain('192.0.2.1');
    expect(loop.derived(slice)).toBeUndefined();
    world.bury(endpoints);
    step(() => world.bury(serviceKey('web')));
    expect(show(endpoints)).toBeUndefined();
  });

  it('have the addresses of living nodes where they are load balancers', () => {
    const { world, loop, step } = rig();
    const addresses = (node: string, address: string): void =>
      world.observe(node, 'node', { kind: 'node', version: '0', status: { addresses: [{ type: 'InternalIP', address }] } });
    world.create(serviceObject('web', { type: 'LoadBalancer' }));
    expect(step(() => addresses('node-1', '192.0.2.1'))).toEqual([serviceKey('web')]);
    addresses('node-2', '192.0.2.2');
    const status = (): Service['status'] => (renderObject(world.state, serviceKey('web'), world.now, loop) as Service).status;
    const ips = (): unknown => status()?.loadBalancer?.ingress?.map(({ ip }) => ip);
    expect(ips()).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(step(() => world.setMember('node-2', 'dead'))).toContain(serviceKey('web'));
    expect(ips()).toEqual(['192.0.2.1']);
    world.edit(serviceKey('web'), (draft) => void (draft['spec'] = { ...(draft['spec'] as object), externalTrafficPolicy: 'Local' }));
    expect(status()).toEqual({ loadBalancer: {} });
    world.edit(serviceKey('web'), (draft) => void (draft['status'] = { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } }));
    expect(ips()).toEqual(['203.0.113.1']);
  });

  it('are told to people, with the reason why each endpoint takes traffic or does not', () => {
    const { world, loop, step } = rig();
    step(() => world.create(serviceObject('web', { ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30_080 }] })));
    addServingPod(world, 'web-1', { node: 'node-1', ip: '10.42.1.2' });
    addServingPod(world, 'web-2', { node: 'node-2', ip: '10.42.2.2' });
    world.setMember('node-2', 'suspected');
    const text = netText(netAnswer(world.state, loop));
    expect(text).toContain('Services by:     nothing on this host, on node-1');
    expect(text).toMatch(/node-2 +suspected +<none>/);
    expect(text).toContain(
      [
        'default/web  ClusterIP  10.96.0.9',
        '  PORT                            ENDPOINT         POD     NODE     ROTATION   WHY',
        '  http 80/TCP (node port 30080)   10.42.1.2:8080   web-1   node-1   in         ready',
        '                                  10.42.2.2:8080   web-2   node-2   out        node node-2 is under suspicion; others serve',
      ].join('\n'),
    );
  });

  it('are handed to each sink, one table at a time; one that fails harms no other', async () => {
    const calls: string[][] = [];
    const release: (() => void)[] = [];
    const rest = { name: 'proxy', inForce: [], troubles: () => new Map(), stop: async () => undefined } as const;
    const sink: ServiceSink = {
      ...rest,
      apply: async (services, changed) => {
        calls.push([services.map(({ name }) => name).join(), [...changed].join()]);
        await new Promise<void>((resolve) => release.push(resolve));
      },
    };
    const broken: ServiceSink = { ...rest, apply: async () => Promise.reject(new Error('no')) };
    const { world, loop, clock } = rig(broken, sink);
    const settle = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.pass(50);
      await new Promise((resolve) => setImmediate(resolve));
    };
    world.create(serviceObject('a'));
    loop.start();
    await settle();
    expect(calls).toEqual([['a', 'services/default/a']]);
    world.create(serviceObject('b'));
    world.create(serviceObject('c'));
    await settle();
    expect(calls).toHaveLength(1);
    expect(loop.settled).toBe(false);
    release[0]?.();
    await settle();
    expect(calls[1]).toEqual(['a,b,c', 'services/default/b,services/default/c']);
    release[1]?.();
    await settle();
    expect(loop.settled).toBe(true);
    await loop.stop();
  });
});
