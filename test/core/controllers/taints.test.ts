import { expect, it } from 'vitest';
import { disruptionOf } from '../../../daemon/core/disruption.ts';
import type { Node } from '../../../protocol/types.ts';
import { podKey, podObject, readyStatus, worldOf } from '../../support/cluster-view.ts';

it('pods go from a node whose taints they do not put up with, at once or after the time that they do', () => {
  const world = worldOf(2);
  const tolerations = [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }];
  world.create(
    podObject('plain'),
    podObject('patient', { tolerations: [{ ...tolerations[0], tolerationSeconds: 60 }] }),
    podObject('stoic', { tolerations }),
  );
  for (const name of ['plain', 'patient', 'stoic']) {
    world.bind(podKey(name), 'node-2');
    world.reportPod(podKey(name), readyStatus(world.now.wall));
  }
  world.edit<Node>('nodes//node-2', (draft) => (draft.spec = { taints: [{ key: 'k', value: 'v', effect: 'NoExecute' }] }));
  const left = (): string[] => world.pods().map(({ object }) => object.metadata.name);
  world.decide();
  expect(disruptionOf(world.object(podKey('plain')).object)?.reason).toBe('DeletionByTaintManager');
  world.converge({ quietMs: 10_000 });
  expect(left()).toEqual(['patient', 'stoic']);
  expect(world.events('TaintManagerEviction')).toEqual(['Marking for deletion Pod default/plain']);
  world.elapsed += 60_000;
  world.converge({ quietMs: 10_000 });
  expect(left()).toEqual(['stoic']);
});
