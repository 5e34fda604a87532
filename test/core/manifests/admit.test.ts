import { describe, expect, it } from 'vitest';
import type { Mutation } from '../../../protocol/desired.ts';
import type { StoredObject } from '../../../protocol/objects.ts';
import { planManifests, type ManifestPlan } from '../../../daemon/core/manifests/plan.ts';
import { readManifestFile } from '../../../daemon/core/manifests/read.ts';
import { type ClusterWorld, worldOf } from '../../support/cluster-view.ts';

const DEFAULT = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: default}';

function planned(world: ClusterWorld, text: string): ManifestPlan {
  return planManifests(
    {
      self: 'peer-1',
      files: [readManifestFile({ path: 'ns.yaml', text: DEFAULT }), readManifestFile({ path: 'a.yaml', text })],
      settling: [],
      declared: [],
      view: world.state,
      isMember: () => true,
      nodeIsMember: () => true,
      binding: (node) => ({ node, membersSeen: 1, membersKnown: 1, term: 1, by: 'user', rank: 0, at: '2026-01-01T00:00:00Z' }),
      sawBefore: () => true,
    },
    world.now,
  );
}

function problem(world: ClusterWorld, text: string): string {
  const { rows, steps } = planned(world, text);
  const row = rows.find(({ file }) => file === 'a.yaml');
  expect(row?.state).toBe('failed');
  expect(steps.filter(({ file }) => file === 'a.yaml')).toEqual([]);
  return row!.message;
}

function made(world: ClusterWorld, text: string): StoredObject[] {
  const { steps, rows } = planned(world, text);
  expect(rows.map(({ message }) => message).join('')).toBe('');
  const mutations: Mutation[] = steps.filter(({ file }) => file === 'a.yaml').flatMap((step) => step.mutations);
  return mutations.flatMap((mutation) => (mutation.type === 'create' ? [mutation.object] : []));
}

const pod = (name: string, spec: string): string => `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: ${spec}\n`;

describe('a file of the folder', () => {
  it('is held to what no new object may have, in the words of the API', () => {
    const name = 'a-name-of-more-than-fifty-two-characters-is-too-long-for-it';
    const spec =
      '{schedule: "0 0 * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: m, image: a}]}}}}}';
    expect(problem(worldOf(1), `apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: ${name}}\nspec: ${spec}\n`)).toBe(
      `a.yaml:1: CronJob.batch "${name}" is invalid: metadata.name: Invalid value: "${name}": must be no more than 52 characters`,
    );
  });

  it('gets no more of a node than the namespace allows, neither for a pod nor for those of a workload', () => {
    const asked = '{containers: [{name: m, image: a, securityContext: {privileged: true}}]}';
    const why =
      'is forbidden: violates PodSecurity "baseline:latest": privileged (container "m" must not set securityContext.privileged=true)' +
      '; label the namespace pod-security.kubernetes.io/enforce=privileged to allow it';
    expect(problem(worldOf(1), pod('root', asked))).toBe(`a.yaml:1: pods "root" ${why}`);
    const template = `{metadata: {labels: {app: a}}, spec: ${asked}}`;
    const set = `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: root}\nspec: {selector: {matchLabels: {app: a}}, template: ${template}}\n`;
    expect(problem(worldOf(1), set)).toBe(`a.yaml:1: daemonsets.apps "root" ${why}`);
  });

  it('may bring a namespace that allows it', () => {
    const text = `apiVersion: v1\nkind: Namespace\nmetadata: {name: own, labels: {pod-security.kubernetes.io/enforce: privileged}}\n---\n${pod(
      'root',
      '{containers: [{name: m, image: a, securityContext: {privileged: true}}]}',
    ).replace('{name: root}', '{name: root, namespace: own}')}`;
    expect(made(worldOf(1), text).map(({ kind }) => kind)).toEqual(['Namespace', 'Pod']);
  });

  it('fills what limit ranges and classes add, and is counted by quotas with what came before it', () => {
    const world = worldOf(1);
    const metadata = (name: string) => ({ name, namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z' });
    world.create(
      {
        apiVersion: 'v1',
        kind: 'LimitRange',
        metadata: metadata('bounds'),
        spec: { limits: [{ type: 'Container', default: { cpu: '1' }, defaultRequest: { cpu: '50m' }, max: { cpu: '1' } }] },
      },
      { apiVersion: 'v1', kind: 'ResourceQuota', metadata: metadata('two'), spec: { hard: { pods: '2' } } },
    );
    const plain = '{containers: [{name: m, image: a}]}';
    const [one] = made(world, pod('one', plain));
    expect(one?.['spec']).toMatchObject({ containers: [{ resources: { requests: { cpu: '50m' } } }] });
    expect(problem(world, pod('big', '{containers: [{name: m, image: a, resources: {limits: {cpu: 2}}}]}'))).toContain(
      'pods "big" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    );
    expect(problem(world, pod('of-a-class', '{priorityClassName: none, containers: [{name: m, image: a}]}'))).toContain(
      'pods "of-a-class" is forbidden: no PriorityClass with name none was found',
    );
    const three = ['one', 'two', 'three'].map((name) => pod(name, plain)).join('---\n');
    expect(problem(world, three)).toContain(
      'pods "three" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2, limited: pods=2',
    );
  });

  it('in another version than the stored one is stored in that', () => {
    const spec = '{maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: web, apiVersion: apps/v1}, targetCPUUtilizationPercentage: 50}';
    const [scaler] = made(worldOf(1), `apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: ${spec}\n`);
    expect(scaler).toMatchObject({
      apiVersion: 'autoscaling/v2',
      spec: { minReplicas: 1, metrics: [{ resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }] },
    });
    expect(scaler?.['spec']).not.toHaveProperty('targetCPUUtilizationPercentage');
  });
});
