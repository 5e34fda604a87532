import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredObject } from '../../protocol/objects.ts';
import { apiWorld, podManifest, type ApiWorld } from './support/world.ts';

const PODS = '/api/v1/namespaces/default/pods';
const CHECKED_BY = { name: 'web', emptyDir: {} };

function node(name: string, runtime: string, network: 'True' | 'False'): [StoredObject, object] {
  const metadata = { name, uid: '', creationTimestamp: '2026-01-01T00:00:00Z' };
  const status = { nodeInfo: { containerRuntimeVersion: runtime }, conditions: [{ type: 'NetworkUnavailable', status: network }] };
  return [{ apiVersion: 'v1', kind: 'Node', metadata, spec: {} }, status];
}

function podWith(volume: object, spec: object = {}): object {
  const pod = podManifest('web') as { spec: object };
  return { ...pod, spec: { ...pod.spec, ...spec, volumes: [{ ...CHECKED_BY, ...volume }] } };
}

describe('what a write warns of', () => {
  let world: ApiWorld;
  beforeEach(async () => {
    world = await apiWorld();
  });
  afterEach(async () => world.stop());

  async function warning(body: object, url = PODS): Promise<string> {
    const answer = await world.call('POST', url, body);
    expect(answer.status, answer.text).toBe(201);
    return String(answer.headers['warning'] ?? '');
  }

  it('is the limit of an emptyDir on disk, and in memory only where a node may not hold it', async () => {
    world.set('nodes//node-1', ...node('node-1', 'docker://29.0.0', 'False'));
    expect(await warning(podWith({ emptyDir: { sizeLimit: '4Mi' } }))).toContain('sizeLimit: is kept but has no effect yet');
    await world.call('DELETE', `${PODS}/web`);
    const memory = { emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } };
    expect(await warning(podWith(memory))).toBe('');
    await world.call('DELETE', `${PODS}/web`);
    world.set('nodes//node-2', ...node('node-2', 'process://0.1.0', 'False'));
    world.set('nodes//node-3', ...node('node-3', 'docker://29.0.0', 'True'));
    expect(await warning(podWith(memory))).toContain(
      'volume \\"web\\": its sizeLimit is held where kithd is root beside a container engine, which is not known of node-2, node-3',
    );
  });

  it('is an account that is not there, of a pod', async () => {
    expect(await warning(podWith({}, { serviceAccountName: 'builder' }))).toContain(
      'serviceaccount \\"builder\\" not found in namespace \\"default\\": the pod waits until it is there',
    );
    await world.call('DELETE', `${PODS}/web`);
    expect(await warning(podWith({}, { serviceAccountName: 'default' }))).toBe('');
    await world.call('DELETE', `${PODS}/web`);
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'builder' } };
    expect(await warning(account, '/api/v1/namespaces/default/serviceaccounts')).toBe('');
    expect(await warning(podWith({}, { serviceAccountName: 'builder' }))).toBe('');
  });

  it('is a NetworkPolicy where nothing holds traffic back', async () => {
    world.set('nodes//node-1', ...node('node-1', 'process://0.1.0', 'True'));
    const policy = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'shut' }, spec: { podSelector: {} } };
    expect(await warning(policy, '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies')).toContain(
      'holds no traffic back for pods of node-1: it needs kithd as root',
    );
  });
});
