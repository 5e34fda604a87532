import { beforeEach, afterEach, expect, it } from 'vitest';
import { objectKey, type DesiredObject } from '../../../protocol/objects.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { AgentWorld } from '../../support/agent-world.ts';

const IMAGE = 'registry.example/app:1';

let world: AgentWorld;
beforeEach(async () => {
  world = new AgentWorld();
  world.runtime.passwords.set(IMAGE, 'right');
  await addSecret('right', 'right');
  await addSecret('copy', 'right');
  await addSecret('wrong', 'wrong');
  world.startAgent();
});
afterEach(async () => world.agent?.stop());

async function addSecret(name: string, password: string): Promise<void> {
  const auths = { 'registry.example': { username: 'user', password } };
  const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
  const metadata = { name, namespace: 'default', uid: '', creationTimestamp: formatTime(world.clock.now()) };
  const object = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/dockerconfigjson', data };
  await world.desired.write([{ type: 'create', key: objectKey('secrets', 'default', name), object }]);
}

async function addPod(name: string, secret: string | undefined, imagePullPolicy = 'IfNotPresent'): Promise<DesiredObject> {
  const imagePullSecrets = secret === undefined ? [] : [{ name: secret }];
  return world.addPod(name, { spec: { containers: [{ name: 'main', image: IMAGE, imagePullPolicy }], imagePullSecrets } });
}

const pulls = (): number => world.runtime.calls.filter((call) => call === 'pullImage').length;
const told = (pod: DesiredObject): string[] =>
  world.events.filter(({ about }) => about.metadata.uid === pod.uid).map(({ reason, message }) => `${reason}: ${message}`);

it('a pod that names no secret pulls with those of its account', async () => {
  const metadata = { name: 'puller', namespace: 'default', uid: '', creationTimestamp: formatTime(world.clock.now()) };
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata, imagePullSecrets: [{ name: 'right' }] };
  await world.desired.write([{ type: 'create', key: objectKey('serviceaccounts', 'default', 'puller'), object: account }]);
  const spec = { serviceAccountName: 'puller', automountServiceAccountToken: false };
  const pod = await world.addPod('web', { spec: { ...spec, containers: [{ name: 'main', image: IMAGE }] } });
  await world.clock.until('it runs', () => world.isReady(pod));
  const own = await world.addPod('own', {
    spec: { ...spec, containers: [{ name: 'main', image: IMAGE }], imagePullSecrets: [{ name: 'wrong' }] },
  });
  await world.clock.until('the error', () => world.waitingReason(own) === 'ErrImagePull', 5_000);
});

it("a pod does not get what another one's secret pulled, unless it has a credential that the registry takes", async () => {
  const first = await addPod('first', 'right');
  await world.clock.until('it runs', () => world.isReady(first));
  expect(pulls()).toBe(1);
  for (const [name, secret] of [
    ['bare', undefined],
    ['wrong', 'wrong'],
  ] as const) {
    const pod = await addPod(name, secret);
    await world.clock.until('the error', () => world.waitingReason(pod) === 'ErrImagePull', 5_000);
    expect(told(pod)).toContain(
      `Failed: Failed to pull image "${IMAGE}": failed to pull image "${IMAGE}": unauthorized: authentication required`,
    );
    await world.clock.until('the back-off', () => world.waitingReason(pod) === 'ImagePullBackOff', 5_000);
  }
});

it('a pod with the same secret, or another one with the same credential, asks no registry; after a restart of the daemon neither', async () => {
  const first = await addPod('first', 'right');
  await world.clock.until('it runs', () => world.isReady(first));
  const [same, copy] = [await addPod('same', 'right'), await addPod('copy', 'copy')];
  await world.clock.until('they run', () => world.isReady(same) && world.isReady(copy));
  await world.restartAgent();
  const late = await addPod('late', 'right');
  const bare = await addPod('bare', undefined);
  await world.clock.until('the one runs', () => world.isReady(late));
  await world.clock.until('the other does not', () => world.waitingReason(bare) === 'ErrImagePull');
  expect(told(copy)).toContain(`Pulled: Container image "${IMAGE}" already present on machine and can be accessed by the pod`);
});

it('who may pull nothing hears of an image of others that it is not there', async () => {
  const pod = await addPod('first', 'right');
  await world.clock.until('it runs', () => world.isReady(pod));
  const never = await addPod('never', undefined, 'Never');
  await world.clock.until('the error', () => world.waitingReason(never) === 'ErrImageNeverPull');
  expect(told(never)).toContain(`ErrImageNeverPull: Container image "${IMAGE}" is not present with pull policy of Never`);
  const may = await addPod('may', 'copy', 'Never');
  await world.clock.until('who has a proof runs', () => world.isReady(may));
  expect(pulls()).toBe(1);
});

it('an image that was there before is for all', async () => {
  world.runtime.present.add(IMAGE);
  const [bare, never] = [await addPod('bare', undefined), await addPod('never', undefined, 'Never')];
  await world.clock.until('they run', () => world.isReady(bare) && world.isReady(never));
  expect(pulls()).toBe(0);
});
