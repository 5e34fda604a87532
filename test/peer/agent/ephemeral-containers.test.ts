import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Pod } from '../../../protocol/types.ts';
import { AgentWorld } from '../../support/agent-world.ts';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
  for (const image of ['app:1', 'look:1']) world.runtime.present.add(image);
  world.startAgent();
});
afterEach(() => world.close());

const main = { name: 'main', image: 'app:1' };
const look = { name: 'look', image: 'look:1', targetContainerName: 'main' };
const starts = (): string[] => world.runtime.history.filter(({ what }) => what === 'start').map(({ container }) => container);
const ofAdded = (pod: DesiredObject) => world.status(pod)?.ephemeralContainerStatuses?.[0];

async function add(pod: DesiredObject, ephemeralContainers = [look]): Promise<void> {
  const { object } = world.desired.objects.get(pod.key)!;
  const spec = { ...(object as Pod).spec, ephemeralContainers };
  await world.desired.write([{ type: 'update', key: pod.key, uid: pod.uid, base: object, next: { ...object, spec } }]);
}

it('a container that is added to a pod that runs is started once, and its end changes nothing', async () => {
  const pod = await world.addPod('web', { spec: { containers: [main] } });
  await world.clock.until('ready', () => world.isReady(pod));
  await add(pod);
  await world.clock.until('it runs', () => ofAdded(pod)?.state?.running !== undefined);
  expect(starts()).toEqual(['main', 'look']);
  world.runtime.crash(pod.uid, 'look');
  await world.clock.until('its end is told', () => ofAdded(pod)?.state?.terminated !== undefined);
  await world.restartAgent();
  await world.clock.advance(60_000);
  expect(starts()).toEqual(['main', 'look']);
  expect(world.isReady(pod)).toBe(true);
  expect(world.status(pod)).toMatchObject({ phase: 'Running', qosClass: 'BestEffort', containerStatuses: [{ restartCount: 0 }] });
});

it('it does not wait for a pod that does not come up, and does not hold up its end', async () => {
  world.runtime.behaviours.set('app:1', { exitAfterMs: 50, exitCode: 3 });
  const pod = await world.addPod('web', { spec: { containers: [main] } });
  await world.clock.until('crashes', () => starts().length > 1);
  await add(pod);
  await world.clock.until('it runs', () => ofAdded(pod)?.state?.running !== undefined);
  const job = await world.addPod('job', { restartPolicy: 'Never', spec: { containers: [main] } });
  await add(job);
  await world.clock.until('failed', () => world.desired.objects.get(job.key)?.object.kith?.outcome?.phase === 'Failed');
  await world.clock.until('what was added to it ended', () => !world.runtime.running().some((each) => each.startsWith('job/')));
});

it('one that the pod has no more, since a merge took the other side, is ended', async () => {
  const pod = await world.addPod('web', { spec: { containers: [main] } });
  await add(pod);
  await world.clock.until('it runs', () => ofAdded(pod)?.state?.running !== undefined);
  await add(pod, []);
  await world.clock.until('it is ended', () => world.runtime.running().join() === 'web/main#0');
});
