import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../protocol/objects.ts';
import { REDACTED } from '../../../protocol/kinds/join-token.ts';
import { apiVersionOf, groupResourceOf } from '../../../protocol/kinds/kind.ts';
import { allKinds, findKind, kindFor, kindOfResource } from '../../../protocol/kinds/registry.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const running = { running: { startedAt: '2026-01-01T00:00:00Z' } };

function row(word: string, object: Record<string, unknown>): Record<string, string | number | boolean> {
  const kind = findKind(word)!;
  const metadata = { name: 'x', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', ...(object.metadata as object | undefined) };
  const full = { apiVersion: apiVersionOf(kind), kind: kind.kind, ...object, metadata } as KubeObject;
  return Object.fromEntries(kind.columns.map((column) => [column.name, column.cell(full, NOW)]));
}

function container(state: Record<string, unknown>, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: 'a', image: 'i', imageID: '', ready: false, restartCount: 0, state, ...more };
}

function podRow(status: Record<string, unknown>, metadata: Record<string, unknown> = {}): Record<string, string | number | boolean> {
  return row('pod', { metadata, spec: { containers: [{ name: 'a' }, { name: 'b' }] }, status });
}

describe('columns', () => {
  it.each([
    ['Event', ['Last Seen', 'Type', 'Reason', 'Object', 'Subobject', 'Source', 'Message', 'First Seen', 'Count', 'Name']],
    ['Namespace', ['Name', 'Status', 'Age']],
    [
      'Node',
      ['Name', 'Status', 'Roles', 'Age', 'Version', 'Internal-IP', 'External-IP', 'OS-Image', 'Kernel-Version', 'Container-Runtime'],
    ],
    ['Pod', ['Name', 'Ready', 'Status', 'Restarts', 'Age', 'IP', 'Node', 'Nominated Node', 'Readiness Gates']],
    ['ReplicationController', ['Name', 'Desired', 'Current', 'Ready', 'Age', 'Containers', 'Images', 'Selector']],
    ['ReplicaSet', ['Name', 'Desired', 'Current', 'Ready', 'Age', 'Containers', 'Images', 'Selector']],
    ['Deployment', ['Name', 'Ready', 'Up-to-date', 'Available', 'Age', 'Containers', 'Images', 'Selector']],
  ])("of %s are upstream's", (kind, names) => {
    expect(findKind(kind)?.columns.map((column) => column.name)).toEqual(names);
  });

  it('show every kind, even an object of which nothing is known yet', () => {
    for (const kind of allKinds()) {
      const cells = Object.values(row(kind.kind, {}));
      for (const cell of cells) expect(['string', 'number', 'boolean']).toContain(typeof cell);
    }
  });
});

describe("a pod's status", () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['its phase', { phase: 'Pending' }, {}, 'Pending'],
    ['its reason', { phase: 'Failed', reason: 'Evicted' }, {}, 'Evicted'],
    ['nothing', {}, {}, 'Unknown'],
    [
      'why a container waits',
      { phase: 'Pending', containerStatuses: [container({ waiting: { reason: 'ImagePullBackOff' } })] },
      {},
      'ImagePullBackOff',
    ],
    [
      'why a container ended',
      { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 1, reason: 'Error' } })] },
      {},
      'Error',
    ],
    ['its exit code', { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 3 } })] }, {}, 'ExitCode:3'],
    ['its signal', { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 137, signal: 9 } })] }, {}, 'Signal:9'],
    [
      'the first of several',
      {
        phase: 'Running',
        containerStatuses: [container({ waiting: { reason: 'CrashLoopBackOff' } }), container({ waiting: { reason: 'ErrImagePull' } })],
      },
      {},
      'CrashLoopBackOff',
    ],
    [
      'that one of two completed, the other not ready',
      {
        phase: 'Running',
        containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } }), container(running, { ready: true })],
      },
      {},
      'NotReady',
    ],
    [
      'that one of two completed and the pod is ready',
      {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } }), container(running, { ready: true })],
      },
      {},
      'Running',
    ],
    ['that it is going', { phase: 'Running' }, { deletionTimestamp: '2026-01-01T00:59:00Z' }, 'Terminating'],
    ['that it ended, even when it is going', { phase: 'Succeeded' }, { deletionTimestamp: '2026-01-01T00:59:00Z' }, 'Succeeded'],
    ['that its node is lost', { phase: 'Running', reason: 'NodeLost' }, { deletionTimestamp: '2026-01-01T00:59:00Z' }, 'Unknown'],
  ])('is %s', (_what, status, metadata, expected) => {
    expect(podRow(status, metadata).Status).toBe(expected);
  });

  it('counts ready containers and restarts, and says when the last was', () => {
    const ended = { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:55:00Z' } };
    const cells = podRow({
      phase: 'Running',
      podIP: '10.42.0.5',
      containerStatuses: [container(running, { ready: true, restartCount: 3, lastState: ended }), container(running)],
    });
    expect(cells).toMatchObject({
      Ready: '1/2',
      Restarts: '3 (5m ago)',
      Age: '60m',
      IP: '10.42.0.5',
      Node: '<none>',
      'Readiness Gates': '<none>',
    });
    expect(podRow({}).Restarts).toBe('0');
  });
});

describe('other rows', () => {
  it('count pods', () => {
    const template = {
      spec: {
        containers: [
          { name: 'a', image: 'nginx' },
          { name: 'b', image: 'redis' },
        ],
      },
    };
    const status = { replicas: 3, readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 };
    const deployment = row('deploy', { spec: { replicas: 4, selector: { matchLabels: { app: 'web' } }, template }, status });
    expect(deployment).toMatchObject({
      Ready: '2/4',
      'Up-to-date': 1,
      Available: 2,
      Containers: 'a,b',
      Images: 'nginx,redis',
      Selector: 'app=web',
    });
    expect(row('rc', { spec: { replicas: 4, selector: { b: '2', a: '1' } }, status })).toMatchObject({
      Desired: 4,
      Current: 3,
      Ready: 2,
      Selector: 'a=1,b=2',
    });
  });

  it('tell the state of a node', () => {
    const status = (ready: string): Record<string, unknown> => ({
      conditions: [{ type: 'Ready', status: ready }],
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
    });
    expect(row('no', { spec: { unschedulable: true }, status: status('True') })).toMatchObject({
      Status: 'Ready,SchedulingDisabled',
      'Internal-IP': '10.0.0.1',
      Roles: '<none>',
    });
    expect(row('no', { spec: {}, status: status('Unknown') }).Status).toBe('NotReady');
    expect(row('no', { metadata: { labels: { 'node-role.kubernetes.io/edge': '' } }, spec: {} })).toMatchObject({
      Status: 'Unknown',
      Roles: 'edge',
    });
  });

  it('tell what happened, and when', () => {
    const event = row('ev', {
      involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{a}' },
      reason: 'Started',
      message: 'Started container a',
      type: 'Normal',
      source: { component: 'kubelet', host: 'n1' },
      firstTimestamp: '2026-01-01T00:50:00Z',
      lastTimestamp: '2026-01-01T00:59:30Z',
      count: 4,
    });
    expect(event).toEqual({
      'Last Seen': '30s',
      Type: 'Normal',
      Reason: 'Started',
      Object: 'pod/web',
      Subobject: 'spec.containers{a}',
      Source: 'kubelet, n1',
      Message: 'Started container a',
      'First Seen': '10m',
      Count: '4',
      Name: 'x',
    });
  });

  it('never show the secret of a token', () => {
    const kind = findKind('jointokens')!;
    const token = {
      apiVersion: 'kith.dev/v1',
      kind: 'JoinToken',
      metadata: { name: 't' },
      spec: { secret: 'hush', expiresAt: '2026-01-01T02:00:00Z' },
    };
    const shown = kind.redact?.(token as unknown as KubeObject);
    expect(shown?.spec).toEqual({ secret: REDACTED, expiresAt: '2026-01-01T02:00:00Z' });
    expect(token.spec.secret).toBe('hush');
    expect(JSON.stringify(row('jointoken', token))).not.toContain('hush');
  });
});

describe('the registry', () => {
  it('finds a kind by every word that kubectl takes', () => {
    for (const word of ['pods', 'pod', 'po', 'Pod', 'PODS']) expect(findKind(word)?.kind).toBe('Pod');
    for (const word of ['deploy', 'deployments', 'deployment.apps', 'deployments.apps', 'deployments.v1.apps', 'Deployment']) {
      expect(findKind(word)?.kind).toBe('Deployment');
    }
    expect(findKind('members.kith.dev')?.kind).toBe('Member');
    expect(findKind('constructor')).toBeUndefined();
    expect(kindOfResource('replicasets.apps')?.kind).toBe('ReplicaSet');
    expect(kindFor('extensions/v1beta1', 'Deployment')).toMatchObject({
      kind: { plural: 'deployments' },
      alias: { apiVersion: 'extensions/v1beta1' },
    });
    expect(kindFor('v1', 'Deployment')).toBeUndefined();
  });

  it('holds no word twice, and describes every field of every kind', () => {
    const resources = allKinds().map(groupResourceOf);
    expect(new Set(resources).size).toBe(resources.length);
    const shortNames = allKinds().flatMap((kind) => kind.shortNames);
    expect(new Set(shortNames).size).toBe(shortNames.length);
  });
});
