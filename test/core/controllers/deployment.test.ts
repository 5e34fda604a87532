import { describe, expect, it } from 'vitest';
import { isActive, isReady } from '../../../daemon/core/cluster/pods.ts';
import type { RolloutFact } from '../../../daemon/core/controllers/progress.ts';
import { renderObject } from '../../../daemon/core/status/render.ts';
import type { Deployment, ReplicaSet } from '../../../protocol/types.ts';
import type { ClusterWorld } from '../../support/cluster-view.ts';
import { deploymentObject, templateOf, worldOf } from '../../support/cluster-view.ts';

const WEB = 'deployments.apps/default/web';

function deployed(replicas: number, spec: Partial<Deployment['spec']> = {}): ClusterWorld {
  const world = worldOf(3);
  world.create(deploymentObject('web', replicas, spec));
  world.converge();
  return world;
}

function setImage(world: ClusterWorld, image: string): void {
  world.edit<Deployment>(WEB, (draft) => {
    draft.spec.template = templateOf('web', image);
  });
}

const replicaSets = (world: ClusterWorld): ReplicaSet[] => world.state.list('replicasets.apps').map(({ object }) => object as ReplicaSet);
const images = (world: ClusterWorld): string[] =>
  world.pods().map(({ object }) => (object as Deployment & { spec: { containers: { image: string }[] } }).spec.containers[0]!.image);
const progressing = (world: ClusterWorld): unknown =>
  (renderObject(world.state, WEB, world.now) as Deployment).status?.conditions?.find(({ type }) => type === 'Progressing');

describe('the controller of Deployments', () => {
  it('makes a ReplicaSet that is named by the template, with its hash as label and selector', () => {
    const world = deployed(3);
    const [replicaSet] = replicaSets(world);
    const hash = replicaSet!.metadata.labels!['pod-template-hash']!;
    expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
    expect(replicaSet).toMatchObject({
      metadata: {
        name: `web-${hash}`,
        annotations: { 'deployment.kubernetes.io/revision': '1' },
        ownerReferences: [{ kind: 'Deployment', controller: true }],
      },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'web', 'pod-template-hash': hash } },
        template: { metadata: { labels: { 'pod-template-hash': hash } } },
      },
    });
    expect(world.object(WEB).object.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    expect(world.events('ScalingReplicaSet')).toEqual([`Scaled up replica set web-${hash} from 0 to 3`]);
    expect(world.pods()).toHaveLength(3);
  });

  it.each([
    { replicas: 4, maxSurge: 1, maxUnavailable: 0 },
    { replicas: 4, maxSurge: 0, maxUnavailable: 1 },
    { replicas: 10, maxSurge: '25%', maxUnavailable: '25%' },
    { replicas: 3, maxSurge: '100%', maxUnavailable: 0 },
    { replicas: 1, maxSurge: 0, maxUnavailable: 0 },
  ])(
    'rolls over within its bounds: $replicas pods, surge $maxSurge, unavailable $maxUnavailable',
    ({ replicas, maxSurge, maxUnavailable }) => {
      const world = deployed(replicas, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } });
      const percent = (value: number | string, round: (x: number) => number): number =>
        typeof value === 'number' ? value : round((replicas * parseInt(value, 10)) / 100);
      const most = replicas + percent(maxSurge, Math.ceil);
      const least = replicas - (maxSurge === 0 && maxUnavailable === 0 ? 1 : percent(maxUnavailable, Math.floor));
      setImage(world, 'kith.dev/hello:2');
      world.converge({
        each: () => {
          const live = world.pods().filter((pod) => isActive(world.state, pod));
          expect(live.length).toBeLessThanOrEqual(most);
          expect(live.filter((pod) => isReady(world.state, pod)).length).toBeGreaterThanOrEqual(least);
        },
      });
      expect(images(world)).toEqual(Array.from({ length: replicas }, () => 'kith.dev/hello:2'));
      expect(
        replicaSets(world)
          .map(({ spec }) => spec.replicas)
          .sort(),
      ).toEqual([0, replicas].sort());
      expect(world.object(WEB).object.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    },
  );

  it('keeps what must be available when the new template never gets ready, and says so after the deadline', () => {
    const world = deployed(4, { progressDeadlineSeconds: 60 });
    world.broken = (pod) => (pod.object.spec as { containers: { image: string }[] }).containers[0]!.image === 'broken:1';
    setImage(world, 'broken:1');
    world.converge({ quietMs: 120_000 });
    expect(world.pods().filter((pod) => isReady(world.state, pod))).toHaveLength(3);
    expect(world.pods()).toHaveLength(5);
    expect(progressing(world)).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
    setImage(world, 'kith.dev/hello:1');
    world.converge();
    expect(world.pods().filter((pod) => isReady(world.state, pod))).toHaveLength(4);
    expect(progressing(world)).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
    expect(world.object(WEB).object.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
  });

  it('waits for minReadySeconds before it goes on', () => {
    const world = deployed(2, { minReadySeconds: 20, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
    setImage(world, 'kith.dev/hello:2');
    const before = world.elapsed;
    world.converge();
    expect(world.elapsed - before - 30_000).toBeGreaterThanOrEqual(40_000);
    expect(images(world)).toEqual(['kith.dev/hello:2', 'kith.dev/hello:2']);
  });

  it('recreates: no new pod while an old one is left', () => {
    const world = deployed(3, { strategy: { type: 'Recreate' } });
    setImage(world, 'kith.dev/hello:2');
    world.converge({ each: () => expect(new Set(images(world)).size).toBeLessThanOrEqual(1) });
    expect(images(world)).toEqual(['kith.dev/hello:2', 'kith.dev/hello:2', 'kith.dev/hello:2']);
  });

  it('tells of its newest revision what is noted of it later, also while it is paused, and of no other', () => {
    const CAUSE = 'kubernetes.io/change-cause';
    const causes = (world: ClusterWorld): (string | undefined)[][] =>
      replicaSets(world)
        .map(({ metadata: { annotations = {} } }) => [annotations['deployment.kubernetes.io/revision'], annotations[CAUSE]])
        .sort();
    const note = (world: ClusterWorld, cause: string, paused = false): void => {
      world.edit<Deployment>(WEB, (draft) => {
        draft.metadata.annotations = { ...draft.metadata.annotations, [CAUSE]: cause };
        draft.spec.paused = paused;
      });
      world.converge();
    };
    const world = deployed(2);
    note(world, 'first');
    expect(causes(world)).toEqual([['1', 'first']]);
    setImage(world, 'kith.dev/hello:2');
    note(world, 'second');
    expect(causes(world)).toEqual([
      ['1', 'first'],
      ['2', 'second'],
    ]);
    note(world, 'second, looked at', true);
    expect(causes(world)).toEqual([
      ['1', 'first'],
      ['2', 'second, looked at'],
    ]);
  });

  it('does not roll while it is paused, but scales', () => {
    const world = deployed(2);
    world.edit<Deployment>(WEB, (draft) => {
      draft.spec.paused = true;
      draft.spec.replicas = 3;
      draft.spec.template = templateOf('web', 'kith.dev/hello:2');
    });
    world.converge();
    expect(images(world)).toEqual(['kith.dev/hello:1', 'kith.dev/hello:1', 'kith.dev/hello:1']);
    expect(replicaSets(world)).toHaveLength(1);
    world.edit<Deployment>(WEB, (draft) => {
      draft.spec.paused = false;
    });
    world.converge();
    expect(images(world)).toEqual(['kith.dev/hello:2', 'kith.dev/hello:2', 'kith.dev/hello:2']);
  });

  it('keeps shares when it is scaled in the middle of a rollout that is stuck', () => {
    const world = deployed(4);
    world.broken = (pod) => (pod.object.spec as { containers: { image: string }[] }).containers[0]!.image === 'broken:1';
    setImage(world, 'broken:1');
    world.converge();
    world.edit<Deployment>(WEB, (draft) => {
      draft.spec.replicas = 8;
    });
    world.converge();
    const ready = world.pods().filter((pod) => isReady(world.state, pod));
    expect(ready.length).toBeGreaterThanOrEqual(6);
    expect(world.pods().length).toBeLessThanOrEqual(10);
  });

  it('keeps as many old revisions as asked for, and can go back to one', () => {
    const world = deployed(1, { revisionHistoryLimit: 1 });
    for (const tag of [2, 3]) {
      setImage(world, `kith.dev/hello:${tag}`);
      world.converge();
    }
    expect(
      replicaSets(world)
        .map(({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision'])
        .sort(),
    ).toEqual(['2', '3']);
    setImage(world, 'kith.dev/hello:2');
    world.converge();
    expect(
      replicaSets(world)
        .map(({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision'])
        .sort(),
    ).toEqual(['3', '4']);
    expect(images(world)).toEqual(['kith.dev/hello:2']);
  });

  it('writes progress down a few times only, since history does not shrink', () => {
    const world = worldOf(3);
    world.create(deploymentObject('web', 30));
    world.converge();
    const generationless = world.units.filter(({ key, mutations }) => key === WEB && mutations.some((mutation) => mutation.key === WEB));
    expect(generationless.length).toBeLessThanOrEqual(3);
    expect((world.object(WEB).object.kith?.facts?.rollout as unknown as RolloutFact).outcome).toBe('complete');
  });

  it('ends with its ReplicaSets and pods when it is deleted', () => {
    const world = deployed(3);
    world.bury(WEB);
    world.converge();
    expect(world.pods()).toHaveLength(0);
    expect(replicaSets(world)).toHaveLength(0);
  });
});
