import { mkdtemp, rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DockerRuntime } from '../../../daemon/adapters/docker/runtime.ts';
import type { ContainerRuntime, PodNetworkSpec, SandboxSpec } from '../../../daemon/ports/runtime.ts';
import { eventually } from '../../acceptance/eventually.ts';
import { containerStart, obedient, podSpec } from '../../acceptance/runtime-specs.ts';
import { docker, engineAvailable, startEngine } from '../../support/engine.ts';
import type { TestEngine } from '../../support/engine.ts';
import { EngineProbe } from '../../support/engine-client.ts';
import { silentLog } from '../../support/silent-log.ts';

const reason = engineAvailable();

describe.skipIf(reason !== undefined)(`the network of a node in its engine${reason === undefined ? '' : ` (${reason})`}`, () => {
  let engine: TestEngine;
  let dataDir: string;
  const opened: DockerRuntime[] = [];
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };

  const open = async (more: Partial<PodNetworkSpec> & { nodeName?: string } = {}): Promise<DockerRuntime> => {
    const { subnet = '10.42.7.0/24', nodeName = 'node-1', ...spec } = more;
    const runtime = new DockerRuntime({ log }, { host: engine.socketPath, clusterId: 'cluster-1', nodeName, dataDir });
    await runtime.start();
    runtime.usePodNetwork({ subnet, onRefused: () => undefined, ...spec });
    opened.push(runtime);
    return runtime;
  };
  const ask = async (...words: string[]): Promise<string[]> =>
    (await docker(engine.socketPath, ...words)).split('\n').filter((line) => line !== '');
  const networks = (): Promise<string[]> => ask('network', 'ls', '--filter', 'label=kith.dev/node=node-1', '--format', '{{.Name}}');
  const subnetOf = async (name: string): Promise<string> =>
    (await ask('network', 'inspect', '--format', '{{(index .IPAM.Config 0).Subnet}}', name)).join();
  const onePod = (number: number): SandboxSpec => ({
    ...podSpec(number),
    spec: { containers: [{ name: 'main', image: engine.image }] },
  });
  const run = async (runtime: ContainerRuntime, pod: SandboxSpec, attempt = 0, script = obedient(0)): Promise<string> => {
    const { ip } = await runtime.createSandbox(pod);
    await runtime.startContainer(containerStart(pod, engine.image, script, { attempt }));
    return ip;
  };
  const sandboxOf = async (runtime: ContainerRuntime, pod: SandboxSpec) =>
    (await runtime.list()).find(({ uid }) => uid === pod.uid)?.sandbox;
  /** What the engine itself says, of the pod's running containers. */
  const realAddresses = async (pod: SandboxSpec): Promise<string[]> => {
    const ids = await ask('ps', '-q', '--filter', `label=kith.dev/pod-uid=${pod.uid}`);
    const found = await Promise.all(
      ids.map((id) => ask('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', id)),
    );
    return found.flat();
  };
  const ended = (runtime: ContainerRuntime, pod: SandboxSpec, attempt: number): Promise<true> =>
    eventually(async () => {
      const listed = (await runtime.list()).find(({ uid }) => uid === pod.uid);
      return listed?.containers.find((one) => one.attempt === attempt)?.state === 'exited' ? true : undefined;
    }, 'it has ended');

  beforeAll(async () => {
    engine = await startEngine();
    dataDir = await mkdtemp('/var/tmp/kith-docker-');
  }, 60_000);
  afterEach(async () => {
    for (const runtime of opened.splice(0)) await runtime.stop();
    const probe = new EngineProbe(`unix://${engine.socketPath}`);
    for (const node of ['node-1', 'node-2']) await probe.removeAll(node);
    for (const name of await ask('network', 'ls', '--filter', 'label=test', '--format', '{{.Name}}'))
      await docker(engine.socketPath, 'network', 'rm', name);
    warnings.length = 0;
    expect(await networks()).toEqual([]);
  });
  afterAll(async () => {
    await engine?.stop();
    if (dataDir !== undefined) await rm(dataDir, { recursive: true, force: true });
  });

  it('gives a pod of one container an address of the subnet, and no second container', async () => {
    const runtime = await open({ subnet: '10.42.7.0/24' });
    const pod = onePod(1);
    const ip = await run(runtime, pod);
    expect(ip).toBe('10.42.7.2');
    expect(await realAddresses(pod)).toEqual([ip]);
    expect(await ask('ps', '-aq')).toHaveLength(1);
    const [name = ''] = await networks();
    expect(await subnetOf(name)).toBe('10.42.7.0/24');
  });

  it('really has the next attempt at the address of the last, also by another daemon', async () => {
    const first = await open();
    const pod = onePod(2);
    const ip = await run(first, pod, 0, 'exit 1');
    await ended(first, pod, 0);
    await first.stop();
    const second = await open();
    expect(await sandboxOf(second, pod)).toEqual({ ip, running: true });
    const other = onePod(3);
    expect(await run(second, other)).not.toBe(ip);
    await second.startContainer(containerStart(pod, engine.image, obedient(0), { attempt: 1 }));
    expect(await realAddresses(pod)).toEqual([ip]);
  });

  it('is removed with the daemon when no pod is left, and stays as long as one is', async () => {
    const runtime = await open();
    const pod = onePod(4);
    await run(runtime, pod);
    await runtime.stop();
    expect(await networks()).toHaveLength(1);
    const next = await open();
    await next.removePod(pod.uid);
    await next.list();
    await next.stop();
    expect(await networks()).toEqual([]);
  });

  it('asks for another subnet when somebody else has the first, and pods wait for it', async () => {
    await docker(engine.socketPath, 'network', 'create', '--label', 'test', '--subnet', '10.42.7.0/24', 'theirs');
    const refused: string[] = [];
    const runtime = await open({
      onRefused: (why) => {
        refused.push(why);
        runtime.usePodNetwork({ subnet: '10.42.8.0/24', onRefused: () => undefined });
      },
    });
    expect(await run(runtime, onePod(5))).toBe('10.42.8.2');
    expect(await realAddresses(onePod(5))).toEqual(['10.42.8.2']);
    expect(refused).toEqual([expect.stringMatching(/overlap|in use/)]);
    expect(warnings).toEqual([]);
  });

  it('is another one once the node renumbers itself: running pods keep their addresses, and the old network goes with the last of them', async () => {
    const runtime = await open({ mtu: 1400, masqueradedElsewhere: true });
    const [old, restarted] = [onePod(13), onePod(14)];
    const before = await run(runtime, old);
    await run(runtime, restarted, 0, 'exit 1');
    await ended(runtime, restarted, 0);
    runtime.usePodNetwork({ subnet: '10.42.8.0/24', mtu: 1400, masqueradedElsewhere: true, onRefused: () => undefined });
    expect(await run(runtime, onePod(15))).toMatch(/^10\.42\.8\./);
    await runtime.startContainer(containerStart(restarted, engine.image, obedient(0), { attempt: 1 }));
    expect(await realAddresses(old)).toEqual([before]);
    expect((await realAddresses(restarted)).join()).toMatch(/^10\.42\.8\./);
    expect(await networks()).toHaveLength(2);
    const options = await ask('network', 'inspect', '--format', '{{json .Options}}', (await networks())[0] ?? '');
    expect(options.join()).toMatch(/enable_ip_masquerade":"false".*driver\.mtu":"1400"/);
    await runtime.removePod(old.uid);
    const next = await open({ subnet: '10.42.8.0/24', mtu: 1400, masqueradedElsewhere: true });
    await run(next, onePod(16));
    expect(await Promise.all((await networks()).map(subnetOf))).toEqual(['10.42.8.0/24']);
  });

  it('falls back to a pause container in the default network when it can have no subnet, and says so once', async () => {
    await docker(engine.socketPath, 'network', 'create', '--label', 'test', '--subnet', '10.42.7.0/24', 'theirs');
    const runtime = await open({ subnet: '10.42.7.0/24' });
    const ips = [await run(runtime, onePod(6)), await run(runtime, onePod(7))];
    expect(ips[0]).toMatch(/^172\./);
    expect(await sandboxOf(runtime, onePod(6))).toEqual({ ip: ips[0], running: true });
    expect(await ask('ps', '-q', '--filter', 'label=kith.dev/container=POD')).toHaveLength(2);
    expect(warnings).toEqual([expect.stringMatching(/no network of its own/)]);
  });

  it('is made again when somebody removed it, and pods keep their addresses', async () => {
    const runtime = await open();
    const pod = onePod(8);
    const ip = await run(runtime, pod, 0, 'exit 1');
    await ended(runtime, pod, 0);
    const [name = ''] = await networks();
    await docker(engine.socketPath, 'network', 'rm', name);
    await runtime.startContainer(containerStart(pod, engine.image, obedient(0), { attempt: 1 }));
    expect(await realAddresses(pod)).toEqual([ip]);
  });

  it('gives a pod another address when a stranger sits on its own', async () => {
    const runtime = await open();
    await run(runtime, onePod(9));
    const [name = ''] = await networks();
    const pod = onePod(10);
    const { ip } = await runtime.createSandbox(pod);
    await docker(engine.socketPath, 'run', '-d', '--name', 'stranger', '--net', name, '--ip', ip, engine.image, 'sleep', '1000');
    try {
      await runtime.startContainer(containerStart(pod, engine.image, obedient(0)));
      const [real] = await realAddresses(pod);
      expect(real).not.toBe(ip);
      expect(await sandboxOf(runtime, pod)).toEqual({ ip: real, running: true });
    } finally {
      await docker(engine.socketPath, 'rm', '-f', 'stranger');
    }
  });

  it('adopts a pod of one container that has a pause container, and restarts it there', async () => {
    // As an earlier version made them all: where no network can be had, this one still does.
    await docker(engine.socketPath, 'network', 'create', '--label', 'test', '--subnet', '10.42.7.0/24', 'theirs');
    const before = await open({ subnet: '10.42.7.0/24' });
    const pod = onePod(11);
    const ip = await run(before, pod, 0, 'exit 1');
    await ended(before, pod, 0);
    await before.stop();
    await docker(engine.socketPath, 'network', 'rm', 'theirs');
    const after = await open({ subnet: '10.42.7.0/24' });
    expect(await sandboxOf(after, pod)).toEqual({ ip, running: true });
    expect(await run(after, pod, 1)).toBe(ip);
    expect(await ask('ps', '-q', '--filter', 'label=kith.dev/container=POD')).toHaveLength(1);
    expect(await run(after, onePod(12))).toBe('10.42.7.2');
    await after.removePod(pod.uid);
    expect((await after.list()).map(({ uid }) => uid)).toEqual([onePod(12).uid]);
  });
});
