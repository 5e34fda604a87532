import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { objectKey } from '../../../protocol/objects.ts';
import type { Container } from '../../../protocol/types.ts';
import { AgentWorld } from '../../support/agent-world.ts';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
  world.runtime.present.add('app:1');
  world.startAgent();
});
afterEach(() => world.close());

async function addConfig(kind: 'ConfigMap' | 'Secret', name: string, data: Record<string, string>): Promise<void> {
  const object = { apiVersion: 'v1', kind, metadata: { name, namespace: 'default', uid: '', creationTimestamp: '' }, data };
  await world.desired.write([{ type: 'create', key: objectKey(`${kind.toLowerCase()}s`, 'default', name), object }]);
}

const container = (more: Partial<Container>) => ({ containers: [{ name: 'main', image: 'app:1', ...more }] });
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('ConfigMaps and Secrets in the environment', () => {
  it('come whole, with a prefix, and key by key; env wins over envFrom', async () => {
    await addConfig('ConfigMap', 'settings', { COLOR: 'red', SIZE: '1' });
    await addConfig('Secret', 'login', { password: base64('süß') });
    const pod = await world.addPod('web', {
      spec: container({
        envFrom: [
          { configMapRef: { name: 'settings' } },
          { prefix: 'P_', secretRef: { name: 'login' } },
          { secretRef: { name: 'none', optional: true } },
        ],
        env: [
          { name: 'SIZE', value: '2' },
          { name: 'PASS', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } },
          { name: 'SHADE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'COLOR' } } },
          { name: 'NONE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'none', optional: true } } },
          { name: 'BOTH', value: '$(COLOR) $(SHADE) $(NONE)' },
        ],
      }),
    });
    await world.clock.until('ready', () => world.isReady(pod));
    const env = { COLOR: 'red', SIZE: '2', P_password: 'süß', PASS: 'süß', SHADE: 'red', BOTH: 'red red $(NONE)' };
    expect(world.runtime.started[0]?.env).toEqual(env);
  });

  it.each<[string, Partial<Container>]>([
    ['configmap "late" not found', { envFrom: [{ configMapRef: { name: 'late' } }] }],
    ['secret "late" not found', { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'late', key: 'a' } } }] }],
    [
      "couldn't find key b in ConfigMap default/there",
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'there', key: 'b' } } }] },
    ],
  ])('are waited for, which is told once: %s', async (message, more) => {
    await addConfig('ConfigMap', 'there', { a: '1' });
    const pod = await world.addPod('web', { spec: container(more) });
    await world.clock.until('waits', () => world.waitingReason(pod) === 'CreateContainerConfigError');
    expect(world.status(pod)).toMatchObject({ phase: 'Pending', containerStatuses: [{ state: { waiting: { message } } }] });
    await world.clock.advance(60_000);
    expect(world.told().filter((text) => text === `Failed: Error: ${message}`)).toHaveLength(1);
    expect(world.runtime.running()).toEqual([]);
    await addConfig('ConfigMap', 'late', { a: '1' });
    await addConfig('Secret', 'late', { a: base64('1') });
    await world.update(objectKey('configmaps', 'default', 'there'), (object) => ({ ...object, data: { b: '1' } }));
    await world.clock.until('ready', () => world.isReady(pod), 1_000);
  });
});

describe('ConfigMaps and Secrets as files', () => {
  const volumes = [
    { name: 'config', configMap: { name: 'settings' } },
    {
      name: 'all',
      projected: {
        sources: [
          { secret: { name: 'login', items: [{ key: 'password', path: 'p/w' }] } },
          { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        ],
      },
    },
  ];

  it('are there before the containers start, change with them, and go with the pod', async () => {
    await addConfig('Secret', 'login', { password: base64('x') });
    const pod = await world.addPod('web', {
      metadata: { labels: { b: '1', a: 'q"' } },
      spec: {
        volumes,
        ...container({
          volumeMounts: [{ name: 'config', mountPath: '/etc/config', subPathExpr: '$(SUB)' }],
          env: [{ name: 'SUB', value: 's' }],
        }),
      },
    });
    const missing = 'FailedMount: MountVolume.SetUp failed for volume "config" : configmap "settings" not found';
    await world.clock.until('told', () => world.told().includes(missing));
    await world.clock.advance(60_000);
    expect(world.told().filter((text) => text === missing)).toHaveLength(1);
    expect(world.runtime.calls).not.toContain('createSandbox');
    expect(world.waitingReason(pod)).toBe('ContainerCreating');
    await addConfig('ConfigMap', 'settings', { a: '1' });
    await world.clock.until('ready', () => world.isReady(pod), 1_000);
    expect(world.volumes.files(pod.uid, 'all')).toEqual({ 'p/w': 'x', labels: 'a="q\\""\nb="1"' });
    expect(world.runtime.started[0]?.mounts).toMatchObject([{ hostPath: `/pods/${pod.uid}/config/s`, mountPath: '/etc/config' }]);
    const { writes } = world.volumes;
    await world.clock.advance(30_000);
    expect(world.volumes.writes).toBe(writes);
    await world.update(objectKey('configmaps', 'default', 'settings'), (object) => ({ ...object, data: { a: '2' } }));
    await world.clock.until('written', () => world.volumes.files(pod.uid, 'config')?.['a'] === '2', 1_000);
    await world.restartAgent();
    await world.update(objectKey('configmaps', 'default', 'settings'), (object) => ({ ...object, data: { a: '3' } }));
    await world.clock.until('written by the next daemon, too', () => world.volumes.files(pod.uid, 'config')?.['a'] === '3', 5_000);
    await world.deletePod('web', 0);
    await world.clock.until('gone', () => world.volumes.pods.size === 0);
  });

  it.each(['this node', 'somebody else'])('go with a pod that is deleted while they are made, and that %s buries', async (who) => {
    const made = Promise.withResolvers<void>();
    world.volumes.slow = () => made.promise;
    const pod = await world.addPod('web', { spec: { volumes: [{ name: 'work', emptyDir: {} }], ...container({}) } });
    await world.clock.until('they are being made', () => world.volumes.writes === 1);
    if (who === 'this node') await world.deletePod('web', 0);
    else await world.bury(pod.key);
    // The step is given up, but a file system goes on.
    await world.clock.advance(1_000);
    made.resolve();
    await world.clock.advance(10_000);
    expect([...world.volumes.pods.keys()]).toEqual([]);
    expect(world.desired.objects.has(pod.key)).toBe(false);
    expect(world.runtime.calls).not.toContain('createSandbox');
  });
});

describe('parts of volumes', () => {
  it('that can not be had hold up the container that wants them, and no other one', async () => {
    const wants = (name: string, subPath: string) => ({ name, image: 'app:1', volumeMounts: [{ name: 'work', mountPath: '/x', subPath }] });
    world.volumes.holes.add('out');
    const pod = await world.addPod('web', {
      spec: { volumes: [{ name: 'work', emptyDir: {} }], containers: [wants('first', 'out'), wants('second', 'in')] },
    });
    await world.clock.until('the second runs', () => world.runtime.running().length === 1);
    const waiting = { reason: 'CreateContainerConfigError', message: 'failed to prepare subPath for volumeMount "work"' };
    const status = {
      containerStatuses: [
        { name: 'first', state: { waiting } },
        { name: 'second', state: { running: {} } },
      ],
    };
    await world.clock.advance(60_000);
    expect(world.status(pod)).toMatchObject(status);
    expect(world.told().filter((text) => text.includes('failed to prepare subPath'))).toHaveLength(1);
    expect(world.runtime.calls.filter((call) => call.startsWith('createSandbox'))).toHaveLength(1);
    // The next try finds what it wants.
    world.volumes.holes.clear();
    await world.clock.until('both run', () => world.isReady(pod));
  });
});
