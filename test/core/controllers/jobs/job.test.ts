import { describe, expect, it } from 'vitest';
import { jobStatus } from '../../../../daemon/core/status/job-status.ts';
import { isActive } from '../../../../daemon/core/cluster/pods.ts';
import { planDeletion } from '../../../../daemon/core/deletion.ts';
import type { DesiredObject, PodOutcome, StoredObject } from '../../../../protocol/objects.ts';
import type { JobSpec, JobStatus, Pod } from '../../../../protocol/types.ts';
import { formatTime } from '../../../../protocol/values/time.ts';
import { MemoryDesired } from '../../../support/memory-desired.ts';
import { ClusterWorld, container, EPOCH_MS, readyStatus, worldOf } from '../../../support/cluster-view.ts';

const JOB = 'jobs.batch/default/sum';

function jobObject(spec: Record<string, unknown> = {}, restartPolicy = 'Never'): StoredObject {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'sum', namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
    spec: {
      parallelism: 1,
      completions: 1,
      completionMode: 'NonIndexed',
      backoffLimit: 6,
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      template: { spec: { restartPolicy, containers: [container()] } },
      ...spec,
    },
  };
}

function worldWith(spec: Record<string, unknown> = {}, restartPolicy?: string): ClusterWorld {
  const world = worldOf(3);
  world.create(jobObject(spec, restartPolicy));
  world.converge();
  return world;
}

function activePods(world: ClusterWorld): DesiredObject[] {
  return world.pods().filter((pod) => isActive(world.state, pod));
}

function end(world: ClusterWorld, pod: DesiredObject | undefined, phase: PodOutcome['phase'], exitCode = phase === 'Failed' ? 1 : 0): void {
  if (pod === undefined) throw new Error('the test expects a pod');
  world.edit(pod.key, (draft) => {
    const containerStatuses = [{ name: 'main', state: { terminated: { exitCode } } }];
    draft.kith = { ...draft.kith, outcome: { phase, node: 'node-1', finishedAt: formatTime(world.now.wall), containerStatuses } };
  });
}

/** Ends whatever runs, round by round, until the Job is over. */
function runOut(world: ClusterWorld, phaseOf: (pod: Pod) => PodOutcome['phase'], rounds = 30): void {
  for (let round = 0; round < rounds && statusOf(world).conditions === undefined; round += 1) {
    for (const pod of activePods(world)) end(world, pod, phaseOf(pod.object as Pod));
    world.converge();
  }
}

function statusOf(world: ClusterWorld): JobStatus {
  return jobStatus(world.state, world.object(JOB));
}

const indexOf = (pod: Pod): number => pod.kith?.slot?.slot ?? -1;

describe('the controller of Jobs', () => {
  it('runs a pod until it has succeeded, and keeps it', () => {
    const world = worldWith();
    const [pod] = world.pods();
    expect(pod?.object.metadata).toMatchObject({
      labels: { 'job-name': 'sum', 'batch.kubernetes.io/job-name': 'sum' },
      generateName: 'sum-',
    });
    expect(statusOf(world)).toMatchObject({ active: 1, ready: 1 });
    end(world, pod, 'Succeeded');
    world.converge();
    expect(world.pods()).toHaveLength(1);
    expect(statusOf(world)).toMatchObject({ succeeded: 1, ready: 0 });
    expect(statusOf(world).conditions?.map(({ type, reason }) => [type, reason])).toEqual([
      ['SuccessCriteriaMet', 'CompletionsReached'],
      ['Complete', 'CompletionsReached'],
    ]);
    expect(world.events('Completed')).toEqual(['Job completed']);
  });

  it('gives itself the selector and labels that name its uid', () => {
    const world = worldWith();
    const { uid, object } = world.object(JOB);
    const { selector, template } = object.spec as JobSpec;
    expect(selector).toEqual({ matchLabels: { 'batch.kubernetes.io/controller-uid': uid } });
    expect(template.metadata?.labels).toMatchObject({ 'controller-uid': uid, 'batch.kubernetes.io/controller-uid': uid });
    expect(world.pods()[0]?.object.metadata.labels).toMatchObject({ 'controller-uid': uid });
  });

  it('runs as many pods at once as asked for, until there are enough', () => {
    const world = worldWith({ completions: 7, parallelism: 3 });
    expect(activePods(world)).toHaveLength(3);
    let most = 0;
    for (let round = 0; round < 5; round += 1) {
      for (const pod of activePods(world)) end(world, pod, 'Succeeded');
      world.converge({ each: () => (most = Math.max(most, activePods(world).length)) });
    }
    expect(most).toBe(3);
    expect(statusOf(world)).toMatchObject({ succeeded: 7 });
    expect(world.pods()).toHaveLength(7);
  });

  it('numbers the pods of an indexed Job, and tells each its number', () => {
    const world = worldWith({ completions: 3, parallelism: 3, completionMode: 'Indexed' });
    const pods = world.pods().map(({ object }) => object as Pod);
    expect(pods.map(({ spec }) => spec.hostname).sort()).toEqual(['sum-0', 'sum-1', 'sum-2']);
    for (const pod of pods) {
      const index = String(indexOf(pod));
      expect(pod.metadata.name).toMatch(new RegExp(`^sum-${index}-[a-z0-9]{5}$`));
      expect(pod.metadata.annotations).toMatchObject({ 'batch.kubernetes.io/job-completion-index': index });
      expect(pod.spec.containers[0]?.env?.map(({ name }) => name)).toEqual(['JOB_COMPLETION_INDEX']);
    }
    end(
      world,
      world.pods().find(({ object }) => indexOf(object as Pod) === 1),
      'Succeeded',
    );
    world.converge();
    expect(statusOf(world)).toMatchObject({ completedIndexes: '1', active: 2 });
  });

  it('replaces a failed pod after a back-off that doubles, and gives up after backoffLimit', () => {
    const world = worldWith({ backoffLimit: 1 });
    end(world, activePods(world)[0], 'Failed');
    world.decide();
    expect(activePods(world)).toHaveLength(0);
    world.elapsed += 9_000;
    world.decide();
    expect(activePods(world)).toHaveLength(0);
    world.elapsed += 1_100;
    world.decide();
    expect(activePods(world)).toHaveLength(1);
    expect(statusOf(world)).toMatchObject({ failed: 1, active: 1 });
    world.converge();
    end(world, activePods(world)[0], 'Failed');
    world.converge();
    expect(world.pods()).toHaveLength(2);
    expect(statusOf(world).conditions?.at(-1)).toMatchObject({
      type: 'Failed',
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    });
    expect(world.events('BackoffLimitExceeded')).toHaveLength(1);
  });

  it('stops what runs when it has failed', () => {
    const world = worldWith({ completions: 3, parallelism: 3, backoffLimit: 0 });
    end(world, activePods(world)[0], 'Failed');
    world.converge();
    expect(activePods(world)).toHaveLength(0);
    expect(statusOf(world)).toMatchObject({ failed: 3 });
  });

  it('fails after its deadline', () => {
    const world = worldWith({ activeDeadlineSeconds: 100 });
    expect(statusOf(world).conditions).toBeUndefined();
    world.elapsed = 100_000;
    world.converge();
    expect(statusOf(world).conditions?.at(-1)).toMatchObject({ type: 'Failed', reason: 'DeadlineExceeded' });
    expect(activePods(world)).toHaveLength(0);
  });

  it('judges failures by its policy', () => {
    const rules = [
      { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
      { action: 'Ignore', onExitCodes: { operator: 'In', values: [7] } },
    ];
    const world = worldWith({ podFailurePolicy: { rules }, backoffLimit: 0 });
    end(world, activePods(world)[0], 'Failed', 7);
    world.elapsed += 60_000;
    world.converge();
    expect(statusOf(world)).toMatchObject({ active: 1 });
    expect(statusOf(world).failed).toBeUndefined();
    const [pod] = activePods(world);
    end(world, pod, 'Failed', 42);
    world.converge();
    expect(statusOf(world).conditions?.at(-1)).toMatchObject({
      reason: 'PodFailurePolicy',
      message: `Container main for pod default/${pod?.object.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
    });
  });

  it.each(['TerminatingOrFailed', 'Failed'])(
    'does not count a pod that was evicted where its policy says so (replaced when %s)',
    (podReplacementPolicy) => {
      const rules = [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }];
      const evict = (world: ClusterWorld, disruption?: 'eviction'): void => {
        const [pod] = activePods(world);
        const { mutations } = planDeletion({ nodeIsMember: () => true }, pod!, { disruption }, world.now.wall);
        world.write(mutations);
        world.decide();
        world.converge();
      };
      const world = worldWith({ podFailurePolicy: { rules }, podReplacementPolicy, backoffLimit: 0 });
      evict(world, 'eviction');
      expect(statusOf(world)).toMatchObject({ active: 1 });
      expect(statusOf(world).failed).toBeUndefined();
      // What somebody deletes for another reason counts.
      evict(world);
      expect(statusOf(world).conditions?.at(-1)).toMatchObject({ type: 'Failed', reason: 'BackoffLimitExceeded' });
    },
  );

  it('lets each index fail by itself where it has a limit of its own', () => {
    const world = worldWith({
      completions: 3,
      parallelism: 3,
      completionMode: 'Indexed',
      backoffLimitPerIndex: 0,
      backoffLimit: 2 ** 31 - 1,
    });
    runOut(world, (pod) => (indexOf(pod) === 1 ? 'Failed' : 'Succeeded'));
    expect(statusOf(world)).toMatchObject({ succeeded: 2, failed: 1, completedIndexes: '0,2', failedIndexes: '1' });
    expect(statusOf(world).conditions?.at(-1)).toMatchObject({ type: 'Failed', reason: 'FailedIndexes' });
  });

  it('succeeds early by its success policy', () => {
    const world = worldWith({
      completions: 4,
      parallelism: 4,
      completionMode: 'Indexed',
      successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] },
    });
    end(
      world,
      world.pods().find(({ object }) => indexOf(object as Pod) === 1),
      'Succeeded',
    );
    world.converge();
    expect(statusOf(world).conditions?.at(-1)).toMatchObject({ type: 'Complete', reason: 'SuccessPolicy' });
    expect(activePods(world)).toHaveLength(0);
  });

  it('lets a work queue end by itself once one pod has succeeded', () => {
    const world = worldWith({ completions: undefined, parallelism: 3 });
    end(world, activePods(world)[0], 'Succeeded');
    world.converge();
    expect(activePods(world)).toHaveLength(2);
    expect(statusOf(world).conditions).toBeUndefined();
    for (const pod of activePods(world)) end(world, pod, 'Succeeded');
    world.converge();
    expect(statusOf(world)).toMatchObject({ succeeded: 3 });
    expect(statusOf(world).conditions?.at(-1)?.type).toBe('Complete');
  });

  it('waits while it is suspended, and goes on with what is left', () => {
    const world = worldWith({ completions: 2, parallelism: 2 });
    end(world, activePods(world)[0], 'Succeeded');
    world.converge();
    const suspend = (value: boolean): void => world.edit(JOB, (draft) => (draft.spec = { ...(draft.spec as object), suspend: value }));
    suspend(true);
    world.converge();
    expect(activePods(world)).toHaveLength(0);
    expect(statusOf(world)).toMatchObject({ succeeded: 1, conditions: [{ type: 'Suspended', status: 'True', reason: 'JobSuspended' }] });
    expect(statusOf(world).failed).toBeUndefined();
    suspend(false);
    world.converge();
    expect(activePods(world)).toHaveLength(1);
    expect(statusOf(world).conditions).toMatchObject([{ type: 'Suspended', status: 'False', reason: 'JobResumed' }]);
    expect(world.events('Suspended')).toHaveLength(1);
  });

  it.each(['is suspended', 'is to have fewer pods', 'runs out of time'])(
    'with very many pods ends them in writes that are taken: it %s',
    (how) => {
      const world = worldWith({
        parallelism: 1_200,
        completions: 1_200,
        ...(how === 'runs out of time' ? { activeDeadlineSeconds: 600 } : {}),
      });
      expect(activePods(world)).toHaveLength(1_200);
      world.units.length = 0;
      const changed = { 'is suspended': { suspend: true }, 'is to have fewer pods': { parallelism: 0 } }[how] ?? {};
      world.edit(JOB, (draft) => (draft.spec = { ...(draft.spec as object), ...changed }));
      if (how === 'runs out of time') world.elapsed += 600_000;
      world.converge();
      expect(activePods(world)).toEqual([]);
      expect(Math.max(...world.units.map(({ mutations }) => mutations.length))).toBeLessThanOrEqual(501);
      expect(statusOf(world).conditions?.some(({ type }) => type === 'Failed') === true).toBe(how === 'runs out of time');
    },
  );

  it('makes no pods while it is suspended from the start', () => {
    const world = worldWith({ suspend: true });
    expect(world.pods()).toHaveLength(0);
  });

  it('takes pods away when fewer are to run at once, which is no failure', () => {
    const world = worldWith({ completions: 3, parallelism: 3 });
    world.edit(JOB, (draft) => (draft.spec = { ...(draft.spec as object), parallelism: 1 }));
    world.converge();
    expect(activePods(world)).toHaveLength(1);
    expect(statusOf(world).failed).toBeUndefined();
    runOut(world, () => 'Succeeded');
    expect(statusOf(world)).toMatchObject({ succeeded: 3 });
  });

  it('goes after its time', () => {
    const world = worldWith({ ttlSecondsAfterFinished: 100 });
    end(world, activePods(world)[0], 'Succeeded');
    world.converge();
    expect(world.state.get(JOB)).toBeDefined();
    world.elapsed += 100_000;
    world.converge();
    expect(world.state.get(JOB)).toBeUndefined();
    expect(world.pods()).toHaveLength(0);
  });

  it('counts a deleted pod as failed, and makes another', () => {
    const world = worldWith();
    const [pod] = world.pods();
    world.bury(pod!.key);
    world.converge();
    expect(activePods(world)).toHaveLength(1);
    expect(world.pods()[0]?.key).not.toBe(pod?.key);
    expect(statusOf(world)).toMatchObject({ failed: 1 });
  });

  it('remembers what succeeded when its pods are deleted', () => {
    const world = worldWith({ completions: 2 });
    const [first] = world.pods();
    end(world, first, 'Succeeded');
    world.converge();
    world.bury(first!.key);
    world.converge();
    expect(activePods(world)).toHaveLength(1);
    expect(statusOf(world)).toMatchObject({ succeeded: 1 });
  });

  it('moves the pod of a dead node, and does not call that a failure', () => {
    const world = worldWith({ backoffLimit: 0 });
    const [pod] = world.pods();
    const node = pod?.object.kith?.binding?.node ?? '';
    const world2 = new ClusterWorld(['node-1', 'node-2', 'node-3'], node === 'node-1' ? 'node-2' : 'node-1', world.desired);
    for (const name of ['node-1', 'node-2', 'node-3']) world2.reportNode(name);
    world2.learnReports(world, ['node-1', 'node-2', 'node-3']);
    world2.setMember(node, 'dead', 1, [2, 3]);
    world2.converge();
    expect(activePods(world2).map(({ object }) => object.kith?.binding?.node)).not.toContain(undefined);
    expect(world2.pods().filter(({ object }) => object.kith?.binding?.node !== node)).toHaveLength(1);
    expect(statusOf(world2).failed).toBeUndefined();
  });

  it('shows the pod that completed on a node that was cut off, though another was begun in its place', () => {
    const before = worldWith({ completionMode: 'Indexed', completions: 2, parallelism: 2 });
    const base = before.desired;
    const [mine] = before.pods();
    const node = mine?.object.kith?.binding?.node ?? '';
    const others = ['node-1', 'node-2', 'node-3'].filter((name) => name !== node);
    // The majority replaces it, and the copy is ready there.
    const majority = sideOf(before, base.copy());
    majority.setMember(node, 'dead', 1, [2, 3]);
    majority.converge();
    const copy = majority
      .pods()
      .find((pod) => others.includes(pod.object.kith?.binding?.node ?? '') && indexOf(pod.object as Pod) === indexOf(mine?.object as Pod));
    majority.reportPod(copy!.key, readyStatus(majority.now.wall));
    majority.converge();
    expect(statusOf(majority)).toMatchObject({ active: 2, terminating: 1 });
    const alone = sideOf(before, base.copy());
    end(alone, alone.object(mine!.key), 'Succeeded');
    alone.converge();
    const healed = sideOf(
      before,
      MemoryDesired.merge(base, majority.desired, alone.desired, () => 0.5),
    );
    healed.converge();
    expect(healed.object(mine!.key).object.kith?.outcome?.phase).toBe('Succeeded');
    expect(activePods(healed).map(({ object }) => indexOf(object as Pod))).not.toContain(indexOf(mine?.object as Pod));
    expect(statusOf(healed)).toMatchObject({ active: 1, succeeded: 1 });
  });

  it('takes what it replaced on a node that stays away with its own end', () => {
    const world = worldWith({ completionMode: 'Indexed' });
    const [mine] = world.pods();
    const node = mine?.object.kith?.binding?.node ?? '';
    const side = new ClusterWorld(['node-1', 'node-2', 'node-3'], node === 'node-1' ? 'node-2' : 'node-1', world.desired);
    for (const name of ['node-1', 'node-2', 'node-3']) side.reportNode(name);
    side.setMember(node, 'dead', 1, [2, 3]);
    side.converge();
    const copy = side.pods().find(({ key }) => key !== mine?.key);
    end(side, copy, 'Succeeded');
    side.converge();
    expect(side.pods().map(({ key }) => key)).toEqual([copy!.key]);
  });

  it('does not run again on one side of a cut what completed on the other', () => {
    const before = worldWith({ completions: 2, parallelism: 2 });
    const base = before.desired;
    const [mine] = before.pods();
    const left = sideOf(before, base.copy());
    const right = sideOf(before, base.copy());
    // One side sees an index complete; the other lost its node and starts it again.
    end(left, left.object(mine!.key), 'Succeeded');
    left.converge();
    right.setMember(mine?.object.kith?.binding?.node ?? '', 'dead', 1, [1, 1]);
    right.elapsed += 60_000;
    right.converge();
    for (const random of [() => 0, () => 0.9]) {
      const merged = sideOf(before, MemoryDesired.merge(base, left.desired, right.desired, random));
      merged.converge();
      const again = activePods(merged).filter(({ object }) => indexOf(object as Pod) === indexOf(mine?.object as Pod));
      expect(again).toEqual([]);
      expect(statusOf(merged)).toMatchObject({ succeeded: 1, active: 1 });
    }
  });
});

function sideOf(world: ClusterWorld, desired: MemoryDesired): ClusterWorld {
  const nodes = ['node-1', 'node-2', 'node-3'];
  const side = new ClusterWorld(nodes, 'node-1', desired);
  for (const node of nodes) side.reportNode(node);
  side.elapsed = world.elapsed;
  side.learnReports(world, nodes);
  return side;
}
