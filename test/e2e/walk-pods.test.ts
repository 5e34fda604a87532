import { expect, it } from 'vitest';
import type { Pod } from '../../protocol/types.ts';
import { realPeers } from '../support/real-peers.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';

const peers = realPeers(1, 'pods');

interface Options {
  spec?: Record<string, unknown>;
  container?: Record<string, unknown>;
}

async function run(name: string, script: string, { spec, container }: Options = {}): Promise<void> {
  const main = { name: 'main', image: 'busybox', command: ['/bin/sh', '-c', script], ...container };
  const body = { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [main], ...spec };
  await peers.apply(0, { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { tier: 'front' } }, spec: body });
}

async function until(name: string, what: string, condition: (pod: Pod) => boolean): Promise<Pod> {
  let seen: Pod | undefined;
  return waitFor(
    `${name}: ${what}`,
    async () => {
      seen = (await peers.pods(0)).find(({ metadata }) => metadata.name === name);
      return seen !== undefined && condition(seen) ? seen : undefined;
    },
    { timeoutMs: PATIENCE_MS },
  ).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}: ${JSON.stringify(seen?.status)}`);
  });
}

const phase = (wanted: string) => (pod: Pod) => pod.status?.phase === wanted;
const waiting = (reason: string) => (pod: Pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === reason;

it('a container gets its environment, its arguments and its folder', async () => {
  const field = (fieldPath: string): object => ({ valueFrom: { fieldRef: { fieldPath } } });
  const env = [
    { name: 'PLAIN', value: 'a b' },
    { name: 'JOINED', value: '$(PLAIN)/c $$(PLAIN) $(NONE)' },
    { name: 'POD', ...field('metadata.name') },
    { name: 'TIER', ...field("metadata.labels['tier']") },
    { name: 'NODE', ...field('spec.nodeName') },
    { name: 'ADDRESS', ...field('status.podIP') },
  ];
  await run('told', '', {
    container: {
      env,
      workingDir: '/usr',
      command: ['/bin/sh', '-c', 'echo "$PLAIN|$JOINED|$POD|$TIER|$NODE|$ADDRESS|$PWD|$0"'],
      args: ['$(POD)!'],
    },
  });
  // That it is done is desired state, and its address is its node's report: they come by different ways.
  const { status } = await until('told', 'it is done', (pod) => phase('Succeeded')(pod) && pod.status?.podIP !== undefined);
  const line = `a b|a b/c $(PLAIN) $(NONE)|told|front|pods-1|${status?.podIP ?? ''}|/usr|told!\n`;
  expect(await peers.kith(0, ['logs', 'told'])).toBe(line);
  expect(await peers.kith(0, ['get', 'pod', 'told'])).toMatch(/told +0\/1 +Completed +0/);
});

it('a container that fails is restarted with back-off, says why, and its last log can be read', async () => {
  const script = 'echo try; echo sorry > "$KITH_TERMINATION_LOG"; exit 3';
  await run('fails', script, { spec: { restartPolicy: 'Always' } });
  const looping = await until(
    'fails',
    'it backs off',
    (pod) => waiting('CrashLoopBackOff')(pod) && (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0,
  );
  const [container] = looping.status?.containerStatuses ?? [];
  expect(container?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: 'Error', message: 'sorry\n' });
  expect(container?.state?.waiting?.message).toMatch(/^back-off \d+s restarting failed container=main pod=fails_default/);
  expect(await peers.kith(0, ['get', 'pod', 'fails'])).toMatch(/fails +0\/1 +CrashLoopBackOff +\d/);
  expect(await peers.kith(0, ['logs', '-p', 'fails'])).toMatch(/^try\n$/);
  expect(await peers.kith(0, ['describe', 'pod', 'fails'])).toMatch(/Warning +BackOff .*Back-off restarting failed container main/);
  await peers.kith(0, ['delete', 'pod', 'fails']);
});

it('a pod that may not be restarted ends as its container does', async () => {
  await run('once', 'exit 7');
  const ended = await until('once', 'it failed', phase('Failed'));
  expect(ended.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 7, reason: 'Error' });
  expect(await peers.kith(0, ['get', 'pod', 'once'])).toMatch(/once +0\/1 +Error +0/);
});

it('a container that fails without last words has the end of its log said of it, where its spec asks for that', async () => {
  await run('speaks', 'echo "no such file"; exit 7', { container: { terminationMessagePolicy: 'FallbackToLogsOnError' } });
  const ended = await until('speaks', 'it failed', phase('Failed'));
  expect(ended.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 7, message: 'no such file\n' });
});

it('an image that is nowhere is told by name, with what to do', async () => {
  await run('lost', 'true', { container: { image: 'registry.example/none:1', command: undefined } });
  await until('lost', 'it backs off', (pod) => waiting('ImagePullBackOff')(pod) || waiting('ErrImagePull')(pod));
  const described = await peers.kith(0, ['describe', 'pod', 'lost']);
  expect(described).toMatch(/Warning +Failed .*registry\.example\/none:1/);
  expect(described).toMatch(/make NAME:TAG\/image\.json there with a command, or use the docker runtime/);
  await run('never', 'true', { container: { image: 'registry.example/none:2', imagePullPolicy: 'Never' } });
  await until('never', 'the image is refused', waiting('ErrImageNeverPull'));
  await peers.kith(0, ['delete', 'pods', 'lost', 'never']);
});

it('containers of a pod run side by side, each with its own log', async () => {
  const shell = (name: string, script: string): object => ({ name, image: 'busybox', command: ['/bin/sh', '-c', script] });
  const idle = "trap 'exit 0' TERM; while true; do sleep 0.2 & wait $!; done";
  await run('several', '', {
    spec: {
      containers: [shell('left', `echo left; ${idle}`), shell('right', `echo right; ${idle}`)],
    },
  });
  await until('several', 'it runs', (pod) => pod.status?.containerStatuses?.every(({ ready }) => ready) === true);
  expect(await peers.kith(0, ['get', 'pod', 'several'])).toMatch(/several +2\/2 +Running/);
  for (const name of ['left', 'right']) expect(await peers.kith(0, ['logs', 'several', '-c', name])).toBe(`${name}\n`);
  const vague = await peers.command(0, ['logs', 'several', '-c', 'middle']);
  expect(vague.code).toBe(1);
  expect(vague.err).toContain('container middle is not valid for pod several');
  await peers.kith(0, ['delete', 'pod', 'several']);
});

it('a container that does not end in its time is killed', async () => {
  await run('stubborn', "trap '' TERM; echo ready; while true; do sleep 0.2; done");
  await until('stubborn', 'it runs', (pod) => pod.status?.containerStatuses?.[0]?.ready === true);
  await waitFor('it ignores signals', async () => (await peers.kith(0, ['logs', 'stubborn'])) === 'ready\n', { timeoutMs: PATIENCE_MS });
  const began = Date.now();
  await peers.kith(0, ['delete', 'pod', 'stubborn']);
  expect(Date.now() - began).toBeGreaterThan(900);
  await peers.waitNothingTwice(0);
});

it('two pods that want one port of the host are not put on one node', async () => {
  const ports = [{ containerPort: 18_080, hostPort: 18_080 }];
  await run('port-1', 'sleep 60', { container: { ports } });
  await run('port-2', 'sleep 60', { container: { ports } });
  const waits = await until(
    'port-2',
    'it waits',
    (pod) => pod.status?.conditions?.some(({ reason }) => reason === 'Unschedulable') === true,
  );
  expect(waits.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message).toBe(
    "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
  );
  await peers.kith(0, ['delete', 'pod', 'port-1']);
  // The process runtime has no such ports, and says so; placing the pod is the scheduler's affair.
  const placed = await until('port-2', 'it is placed', waiting('CreateContainerError'));
  expect(placed.status?.containerStatuses?.[0]?.state?.waiting?.message).toContain('the process runtime has no hostPort (18080)');
  await peers.kith(0, ['delete', 'pod', 'port-2', '--grace-period=0', '--force']);
});
