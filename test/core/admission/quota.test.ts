import type { DeploymentCondition } from 'kubernetes-types/apps/v1.js';
import { describe, expect, it } from 'vitest';
import { quotaRefusal, quotaStatus } from '../../../daemon/core/admission/quota.ts';
import { renderObject } from '../../../daemon/core/status/render.ts';
import type { PodSpec } from '../../../protocol/types.ts';
import { limitRangeObject, quotaObject } from '../../support/bounds.ts';
import {
  type ClusterWorld,
  container,
  deploymentObject,
  podKey,
  podObject,
  replicaSetObject,
  replicationControllerObject,
  worldOf,
} from '../../support/cluster-view.ts';

const QUOTA = 'resourcequotas/default/q';
const asking = (cpu: string, more: Partial<PodSpec> = {}): Partial<PodSpec> => ({ containers: [container({ cpu })], ...more });
const refusal = (world: ClusterWorld, spec: Partial<PodSpec>): string | undefined =>
  quotaRefusal(world.state, { namespace: 'default', resource: 'pods', object: podObject('next', spec) });
const used = (world: ClusterWorld): unknown => quotaStatus(world.state, world.object(QUOTA)).used;

describe('a ResourceQuota', () => {
  it('counts what a namespace holds, of pods only those that have not ended', () => {
    const world = worldOf(1);
    world.create(
      quotaObject('q', { pods: '3', 'requests.cpu': '2', cpu: '2', 'count/pods': '9', 'count/replicasets.apps': '5', secrets: '1' }),
    );
    world.create(podObject('a', asking('500m')), podObject('b', asking('1')), replicaSetObject('web', 0));
    expect(used(world)).toEqual({
      pods: '2',
      'requests.cpu': '1500m',
      cpu: '1500m',
      'count/pods': '2',
      'count/replicasets.apps': '1',
      secrets: '0',
    });
    world.bind(podKey('a'), 'node-1');
    world.reportPod(podKey('a'), { phase: 'Succeeded' });
    expect(used(world)).toMatchObject({ pods: '1', cpu: '1', 'count/pods': '2' });
  });

  it('refuses what is too much, in the words of Kubernetes, and wants to be told what it bounds', () => {
    const world = worldOf(1);
    world.create(quotaObject('q', { pods: '2', 'requests.cpu': '2' }), podObject('a', asking('1500m')));
    expect(refusal(world, asking('500m'))).toBeUndefined();
    expect(refusal(world, asking('1'))).toBe(
      'exceeded quota: q, requested: requests.cpu=1, used: requests.cpu=1500m, limited: requests.cpu=2',
    );
    expect(refusal(world, {})).toBe('failed quota: q: must specify requests.cpu for: main');
    world.create(podObject('b', asking('100m')));
    expect(refusal(world, asking('1'))).toBe(
      'exceeded quota: q, requested: pods=1,requests.cpu=1, used: pods=2,requests.cpu=1600m, limited: pods=2,requests.cpu=2',
    );
  });

  it.each([
    [{ scopes: ['BestEffort'] }, { containers: [container()] }, asking('1')],
    [{ scopes: ['NotBestEffort'] }, asking('1'), { containers: [container()] }],
    [{ scopes: ['Terminating'] }, { activeDeadlineSeconds: 5 }, {}],
    [
      { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } },
      { priorityClassName: 'high' },
      { priorityClassName: 'low' },
    ],
  ])('with %j is about some pods only', (scope, about, other) => {
    const world = worldOf(1);
    world.create(quotaObject('q', { pods: '0' }, scope));
    expect(refusal(world, about)).toBe('exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0');
    expect(refusal(world, other)).toBeUndefined();
  });

  it('counts ports, balancers and storage, and of a change only what is more', () => {
    const world = worldOf(1);
    world.create(quotaObject('q', { 'services.nodeports': '1', 'services.loadbalancers': '0', 'requests.storage': '3Gi' }));
    const service = (type: string, ports: number): Parameters<typeof quotaRefusal>[1]['object'] => ({
      ...podObject('s'),
      kind: 'Service',
      spec: { type, ports: Array.from({ length: ports }, (_, index) => ({ port: index + 1 })) },
    });
    const ask = (object: ReturnType<typeof service>, before?: ReturnType<typeof service>): string | undefined =>
      quotaRefusal(world.state, { namespace: 'default', resource: 'services', object, ...(before === undefined ? {} : { before }) });
    expect(ask(service('NodePort', 2))).toContain('requested: services.nodeports=2');
    expect(ask(service('LoadBalancer', 1))).toContain('services.loadbalancers=1');
    expect(ask(service('ClusterIP', 2))).toBeUndefined();
    expect(ask(service('NodePort', 2), service('ClusterIP', 2))).toContain('requested: services.nodeports=2');
    expect(ask(service('NodePort', 2), service('NodePort', 2))).toBeUndefined();
    const claim = { ...podObject('c'), kind: 'PersistentVolumeClaim', spec: { resources: { requests: { storage: '4Gi' } } } };
    expect(quotaRefusal(world.state, { namespace: 'default', resource: 'persistentvolumeclaims', object: claim })).toContain(
      'requests.storage=4Gi',
    );
  });

  it('holds back what controllers make, until there is room; what they do make has the defaults of its namespace', () => {
    const world = worldOf(2);
    world.create(
      quotaObject('q', { pods: '3', 'requests.cpu': '1' }),
      limitRangeObject({ type: 'Container', defaultRequest: { cpu: '250m' } }),
    );
    world.create(replicaSetObject('web', 5), replicaSetObject('db', 1));
    world.converge();
    expect(world.pods()).toHaveLength(3);
    for (const pod of world.pods())
      expect((pod.object as { spec?: PodSpec }).spec?.containers[0]?.resources?.requests).toEqual({ cpu: '250m' });
    expect(world.events('FailedCreate')[0]).toMatch(
      /^Error creating: pods "web-\w+" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3$/,
    );
    expect(world.events('SuccessfulCreate')).toHaveLength(3);
    world.edit<{ spec: { hard: Record<string, string> } } & ReturnType<typeof quotaObject>>(QUOTA, (draft) => {
      draft.spec = { hard: { pods: '10' } };
    });
    world.converge();
    expect(world.pods()).toHaveLength(6);
  });

  it('is told as ReplicaFailure by the status of who wants the pods, while it lasts', () => {
    const world = worldOf(1);
    world.create(quotaObject('q', { pods: '3' }), deploymentObject('web', 5), replicationControllerObject('old', 0));
    world.converge();
    const failures = (key: string): (Partial<DeploymentCondition> | undefined)[] => {
      const shown = renderObject(world.state, key, world.now) as { status?: { conditions?: DeploymentCondition[] } };
      return (shown.status?.conditions ?? []).filter(({ type }) => type === 'ReplicaFailure');
    };
    const told = {
      status: 'True',
      reason: 'FailedCreate',
      message: expect.stringMatching(
        /^pods "web-\w+-\w+" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3$/,
      ) as string,
    };
    const [set] = world.state.list('replicasets.apps');
    expect(failures(set!.key)).toMatchObject([told]);
    expect(failures('deployments.apps/default/web')).toMatchObject([told]);
    expect(failures('replicationcontrollers/default/old')).toEqual([]);
    world.edit<{ spec: { replicas: number } } & ReturnType<typeof deploymentObject>>('deployments.apps/default/web', (draft) => {
      draft.spec.replicas = 3;
    });
    world.converge();
    expect([...failures(set!.key), ...failures('deployments.apps/default/web')]).toEqual([]);
  });

  it('does not hold back the heirs of a dead node', () => {
    const world = worldOf(3);
    world.create(quotaObject('q', { pods: '6' }), replicaSetObject('web', 6));
    world.converge();
    world.setMember('node-2', 'dead');
    world.converge({ nodes: ['node-1', 'node-3'] });
    const living = world.pods().filter((pod) => pod.object.kith?.binding?.node !== 'node-2');
    expect(living).toHaveLength(6);
    expect(used(world)).toEqual({ pods: '6' });
  });
});
