import { describe, expect, it } from 'vitest';
import { withDefaultPriority, withoutShownPriority, withPriority } from '../../../daemon/core/admission/priority.ts';
import type { PodSpec } from '../../../protocol/types.ts';
import { priorityClassObject } from '../../support/bounds.ts';
import { container, replicaSetObject, worldOf } from '../../support/cluster-view.ts';

const spec = (more: Partial<PodSpec> = {}): PodSpec => ({ containers: [container()], ...more });

describe('the priority of a pod', () => {
  it('is that of its class; that of the default class, the lowest of several; none where there is none', () => {
    const world = worldOf(1);
    const own = spec();
    expect(withPriority(world.state, own)).toEqual({ spec: own });
    world.create(priorityClassObject('high', 1000, { preemptionPolicy: 'Never' }));
    expect(withPriority(world.state, spec({ priorityClassName: 'high' }))).toMatchObject({
      spec: { priority: 1000, preemptionPolicy: 'Never' },
    });
    expect(withPriority(world.state, spec({ priorityClassName: 'system-node-critical' }))).toMatchObject({
      spec: { priority: 2_000_001_000 },
    });
    world.create(priorityClassObject('usual', 50, { globalDefault: true }), priorityClassObject('alas', 70, { globalDefault: true }));
    expect(withPriority(world.state, spec())).toMatchObject({ spec: { priority: 50, priorityClassName: 'usual' } });
  });

  it.each([
    [{ priorityClassName: 'none' }, 'no PriorityClass with name none was found'],
    [
      { priority: 7 },
      'the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    ],
    [
      { preemptionPolicy: 'Never' },
      'the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name',
    ],
  ])('is refused with %j: %s', (more, refusal) => {
    expect(withPriority(worldOf(1).state, spec(more))).toEqual({ refusal });
  });

  it('is given to the pods of controllers, too', () => {
    const world = worldOf(1);
    world.create(priorityClassObject('high', 1000));
    const template = replicaSetObject('web', 1).spec.template;
    world.create(replicaSetObject('web', 1, { template: { ...template, spec: { ...template!.spec!, priorityClassName: 'high' } } }));
    world.converge();
    expect(world.pods()[0]?.object).toMatchObject({ spec: { priority: 1000 } });
  });
});

describe('a pod without a class', () => {
  const stored = { containers: [] };

  it('is shown with the default priority, which sent back changes nothing', () => {
    const shown = withDefaultPriority(stored);
    expect(shown).toEqual({ containers: [], priority: 0, preemptionPolicy: 'PreemptLowerPriority' });
    expect(withoutShownPriority(shown, stored)).toEqual(stored);
    expect(withoutShownPriority({ ...shown, priority: 7 }, stored)).toEqual({ containers: [], priority: 7 });
    expect(withoutShownPriority(shown, shown)).toEqual(shown);
  });
});
