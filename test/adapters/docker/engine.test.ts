import { mkdtemp, readFile, rm, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerRuntime } from '../../../daemon/adapters/docker/runtime.ts';
import { type ConfigData, NO_CONFIG } from '../../../daemon/core/reconcile/config-source.ts';
import { registryCredentials } from '../../../daemon/core/reconcile/registry-credentials.ts';
import type { PulledImage } from '../../../daemon/ports/runtime.ts';
import type { Pod } from '../../../protocol/types.ts';
import { eventually } from '../../acceptance/eventually.ts';
import { containerStart, obedient, podSpec } from '../../acceptance/runtime-specs.ts';
import { docker, engineAvailable, startEngine } from '../../support/engine.ts';
import type { TestEngine } from '../../support/engine.ts';
import { startPrivateRegistry } from '../../support/private-registry.ts';
import { silentLog } from '../../support/silent-log.ts';

const reason = engineAvailable();
const IMAGES = join(import.meta.dirname, '../../../examples/images');

describe.skipIf(reason !== undefined)(`docker runtime and its engine${reason === undefined ? '' : ` (${reason})`}`, () => {
  let engine: TestEngine;
  let dataDir: string;
  const opened: DockerRuntime[] = [];

  const open = async (nodeName = 'node-1', clusterId = 'cluster-1'): Promise<DockerRuntime> => {
    const runtime = new DockerRuntime({ log: silentLog }, { host: engine.socketPath, clusterId, nodeName, dataDir });
    runtime.usePodNetwork({ subnet: nodeName === 'node-1' ? '10.42.7.0/24' : '10.42.8.0/24', onRefused: () => undefined });
    await runtime.start();
    opened.push(runtime);
    return runtime;
  };
  const ids = async (): Promise<string[]> => (await docker(engine.socketPath, 'ps', '-aq')).split('\n').filter((id) => id !== '');

  beforeAll(async () => {
    engine = await startEngine();
    dataDir = await mkdtemp('/var/tmp/kith-docker-');
  }, 60_000);
  afterAll(async () => {
    for (const runtime of opened) await runtime.stop();
    await engine?.stop();
    if (dataDir !== undefined) await rm(dataDir, { recursive: true, force: true });
  });

  it('starts a container without the files that it may do without, where the engine does not see them', async () => {
    const runtime = await open('node-2');
    const pod = podSpec(76);
    await runtime.createSandbox(pod);
    const mount = { hostPath: '/nowhere/here', mountPath: '/token', readOnly: true, propagation: 'private' as const };
    const start = containerStart(pod, engine.image, obedient(0), { mounts: [{ ...mount, optional: true }] });
    await runtime.startContainer(start);
    expect((await runtime.list())[0]?.containers[0]?.state).toBe('running');
    await expect(runtime.startContainer({ ...start, attempt: 1, mounts: [mount] })).rejects.toThrow('/nowhere/here');
    await runtime.removePod(pod.uid);
  });

  it('runs a container as whom and with what its pod says, and none as root that must not', async () => {
    const runtime = await open();
    const pod = podSpec(77);
    await runtime.createSandbox(pod);
    const root = containerStart(pod, engine.image, ':', { security: { nonRootFor: '(pod: "p")' } });
    const why = 'container has runAsNonRoot and image will run as root (pod: "p")';
    await expect(runtime.startContainer(root)).rejects.toMatchObject({ code: 'VerifyNonRootError', message: why });
    const security = {
      runAsUser: 1000,
      runAsGroup: 2000,
      groups: [3000],
      noNewPrivileges: true,
      readOnlyRoot: true,
      dropCapabilities: ['ALL'],
    };
    const script = 'cat /proc/self/status; echo x > /written && echo written';
    await runtime.startContainer(containerStart(pod, engine.image, script, { security }));
    const lines = await eventually(async () => {
      const found: string[] = [];
      const request = { podUid: pod.uid, container: 'main', follow: true };
      for await (const { line } of runtime.logs(request, AbortSignal.timeout(10_000))) found.push(Buffer.from(line).toString());
      return found.length > 0 ? found : undefined;
    }, 'it has said who it is');
    const field = (name: string): string[] =>
      (lines.find((line) => line.startsWith(`${name}:`)) ?? '')
        .split(/\s+/)
        .filter((word) => word !== '')
        .slice(1);
    expect([field('Uid')[0], field('Gid')[0], field('Groups'), field('NoNewPrivs')]).toEqual([
      '1000',
      '2000',
      expect.arrayContaining(['3000']) as unknown,
      ['1'],
    ]);
    expect(Number.parseInt(field('CapBnd')[0] ?? 'x', 16)).toBe(0);
    expect(lines).not.toContain('written');
    await runtime.removePod(pod.uid);
  });

  it('touches nothing of another node, of another cluster or of nobody', async () => {
    const [mine, neighbour, stranger] = [await open(), await open('node-2'), await open('node-1', 'cluster-2')];
    const pod = podSpec(1);
    for (const runtime of [mine, neighbour, stranger]) {
      await runtime.createSandbox(pod);
      await runtime.startContainer(containerStart(pod, engine.image, obedient(0)));
    }
    const { Labels: labels } = JSON.parse(
      await docker(engine.socketPath, 'inspect', '--format', '{{json .Config}}', (await ids())[0]!),
    ) as { Labels: Record<string, string> };
    // As a container of an image that somebody committed from one of ours: our labels, but not our name.
    const flags = Object.entries({ ...labels, 'kith.dev/cluster': 'cluster-1', 'kith.dev/node': 'node-1' }).flatMap(([key, value]) => [
      '--label',
      `${key}=${value}`,
    ]);
    await docker(engine.socketPath, 'run', '-d', '--name', 'theirs', ...flags, engine.image, 'sleep', '1000');
    expect((await mine.list()).map((listed) => listed.containers.length)).toEqual([1]);
    await mine.removePod(pod.uid);
    expect(await mine.list()).toEqual([]);
    expect(await neighbour.list()).toMatchObject([{ uid: pod.uid, sandbox: { running: true }, containers: [{ state: 'running' }] }]);
    expect(await stranger.list()).toMatchObject([{ uid: pod.uid, containers: [{ state: 'running' }] }]);
    expect((await docker(engine.socketPath, 'inspect', '--format', '{{.State.Running}}', 'theirs')).trim()).toBe('true');
    await neighbour.removePod(pod.uid);
    await stranger.removePod(pod.uid);
    await docker(engine.socketPath, 'rm', '-f', 'theirs');
    expect(await ids()).toEqual([]);
  });

  it('finishes what a daemon left half done: a container created and not started', async () => {
    const runtime = await open();
    const pod = podSpec(2);
    await runtime.createSandbox(pod);
    const spec = containerStart(pod, engine.image, obedient(0));
    await runtime.startContainer(spec);
    const name = (await docker(engine.socketPath, 'ps', '--format', '{{.Names}}')).split('\n').find((line) => line.includes('main'))!;
    const sandbox = (await docker(engine.socketPath, 'ps', '--format', '{{.Names}}')).split('\n').find((line) => line.includes('POD'))!;
    const labels = JSON.parse(await docker(engine.socketPath, 'inspect', '--format', '{{json .Config.Labels}}', name)) as Record<
      string,
      string
    >;
    await docker(engine.socketPath, 'rm', '-f', name);
    const flags = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
    await docker(engine.socketPath, 'create', '--name', name, '--network', `container:${sandbox}`, ...flags, engine.image, 'sleep', '1000');
    expect((await runtime.list())[0]?.containers).toMatchObject([{ state: 'created' }]);
    await runtime.startContainer(spec);
    expect((await runtime.list())[0]?.containers).toMatchObject([{ state: 'running' }]);
    await runtime.removePod(pod.uid);
  });

  it('tells of a sandbox that has ended while its containers run on, without a network, and makes it run again', async () => {
    const runtime = await open();
    const pod = podSpec(75);
    const { ip } = await runtime.createSandbox(pod);
    await runtime.startContainer(containerStart(pod, engine.image, obedient(0)));
    const sandbox = (await docker(engine.socketPath, 'ps', '--format', '{{.Names}}')).split('\n').find((line) => line.includes('POD'))!;
    const main = (await docker(engine.socketPath, 'ps', '--format', '{{.Names}}')).split('\n').find((line) => line.includes('main'))!;
    const links = (): Promise<string> => docker(engine.socketPath, 'exec', main, 'sh', '-c', 'cat /proc/net/dev');
    expect(await links()).toContain('eth0');
    await docker(engine.socketPath, 'kill', sandbox);
    expect(await runtime.list()).toMatchObject([{ sandbox: { running: false }, containers: [{ state: 'running' }] }]);
    expect(await links()).not.toContain('eth0');
    await runtime.stopContainer(pod.uid, 'main', 0);
    expect(await runtime.createSandbox(pod)).toEqual({ ip, running: true });
    await runtime.startContainer(containerStart(pod, engine.image, obedient(0), { attempt: 1 }));
    expect(await runtime.list()).toMatchObject([{ sandbox: { ip, running: true } }]);
    await runtime.removePod(pod.uid);
  });

  it('bounds memory, and says that it was memory', async () => {
    const runtime = await open();
    const pod = podSpec(3);
    await runtime.createSandbox(pod);
    const greedy = 'dd if=/dev/zero of=/dev/null bs=200M count=3; exit $?';
    const limits = { memoryLimitBytes: 16 * 1024 * 1024, cpuLimitMillis: 500, cpuRequestMillis: 250 };
    await runtime.startContainer(containerStart(pod, engine.image, greedy, limits));
    const container = await eventually(
      async () => (await runtime.list())[0]?.containers.find((candidate) => candidate.state === 'exited'),
      'the container is ended',
    );
    expect(container).toMatchObject({ exitCode: 137, outOfMemory: true });
    const host = await docker(engine.socketPath, 'ps', '-a', '--filter', 'label=kith.dev/container=main', '--format', '{{.ID}}');
    const config = await docker(
      engine.socketPath,
      'inspect',
      '--format',
      '{{.HostConfig.CpuShares}} {{.HostConfig.CpuQuota}}',
      host.trim(),
    );
    expect(config.trim()).toBe('256 50000');
    await runtime.removePod(pod.uid);
  });

  it('publishes a hostPort on the sandbox, and refuses one that is taken', async () => {
    const runtime = await open();
    const withPort = (number: number) => {
      const ports = [{ containerPort: 8080, hostPort: 18080 }];
      return { ...podSpec(number), spec: { containers: [{ name: 'main', image: engine.image, ports }] } };
    };
    await runtime.createSandbox(withPort(4));
    const refused = await runtime.createSandbox(withPort(5)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'InvalidContainer', message: expect.stringContaining('18080') as string });
    expect((await runtime.list()).map((pod) => pod.name)).toEqual(['pod-4']);
    await runtime.removePod(withPort(4).uid);
    expect(await runtime.createSandbox(withPort(5))).toMatchObject({ running: true });
    await runtime.removePod(withPort(5).uid);
  });

  it('says why it cannot pull where there is no network', async () => {
    const runtime = await open();
    const failure = await runtime.pullImage('registry.invalid/nothing:1').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ImagePullFailed', message: expect.stringContaining('registry.invalid/nothing:1') as string });
    await expect(runtime.pullImage('No Such/Name')).rejects.toMatchObject({ code: 'ImageNotFound' });
  }, 60_000);

  it('pulls from a registry that asks for a password, where a pull secret of the pod has the right one', async () => {
    const runtime = await open();
    const { server, image } = await startPrivateRegistry(engine, dataDir, 'user:right');
    const secret = (password: string): ConfigData => {
      const auth = Buffer.from(`user:${password}`).toString('base64');
      const config = { auths: { [server]: { username: 'user', password, auth } } };
      return { data: { '.dockerconfigjson': Buffer.from(JSON.stringify(config)).toString('base64') } };
    };
    const secrets: Record<string, ConfigData> = { wrong: secret('wrong'), right: secret('right') };
    const config = { ...NO_CONFIG, secret: (name: string) => secrets[name], secretUid: (name: string) => `uid-${name}` };
    const pull = async (...names: string[]): Promise<PulledImage> => {
      const spec = { containers: [], imagePullSecrets: names.map((name) => ({ name })) };
      const metadata = { name: 'p', namespace: 'default', uid: 'u', creationTimestamp: '' };
      const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec };
      return runtime.pullImage(image, undefined, registryCredentials(pod, image, config).credentials);
    };
    const failure = (words: string): object => ({ code: 'ImagePullFailed', message: expect.stringContaining(words) as string });
    await expect(pull()).rejects.toMatchObject(failure('no basic auth credentials'));
    await expect(pull('nowhere')).rejects.toMatchObject(failure('no basic auth credentials'));
    await expect(pull('wrong')).rejects.toMatchObject(failure('unauthorized'));
    expect(await runtime.findImage(image)).toBeUndefined();
    const pulled = await pull('nowhere', 'wrong', 'right');
    expect(pulled.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(pulled.sizeBytes).toBeGreaterThan(0);
    expect(pulled.credential).toMatchObject({ password: 'right', source: { uid: 'uid-right', namespace: 'default', name: 'right' } });
    expect(await runtime.findImage(image)).toBe(pulled.id);
    // It is here, and still the registry is asked whether somebody else may have it.
    await expect(pull()).rejects.toMatchObject(failure('no basic auth credentials'));
    await expect(pull('wrong')).rejects.toMatchObject(failure('unauthorized'));
    expect(await pull('right')).toEqual(pulled);
  }, 60_000);

  it('makes images of folders that run without a registry', async () => {
    const runtime = await open();
    expect(await runtime.importImageFolder(IMAGES, join(IMAGES, 'kith.dev/hello:1'))).toBe('kith.dev/hello:1');
    expect(await runtime.importImageFolder(IMAGES, join(IMAGES, 'kith.dev/hello:2'))).toBe('kith.dev/hello:2');
    expect(await runtime.importImageFolder(IMAGES, join(IMAGES, 'busybox:latest'))).toBe('busybox:latest');
    expect(await runtime.findImage('busybox')).toMatch(/^sha256:/);
    expect(await ids()).toEqual([]);
    const pod = podSpec(6);
    const { ip } = await runtime.createSandbox(pod);
    const image = { command: undefined, env: { PORT: '9000' } };
    await runtime.startContainer(containerStart(pod, 'kith.dev/hello:2', '', image));
    await runtime.startContainer(containerStart(pod, 'busybox', 'echo from the host', { container: 'tools' }));
    const answer = await eventually(
      () => engine.exec('busybox', 'wget', '-qO-', `http://${ip}:9000/`).catch(() => undefined),
      'hello answers',
    );
    expect(answer).toBe('hello 2 from pod-6 on node-1\n');
    expect((await docker(engine.socketPath, 'images', '--format', '{{.Repository}}')).split('\n')).toContain('kith.dev/hello');
    await runtime.removePod(pod.uid);
  }, 60_000);

  it('is unavailable while the engine is away, and finds everything when it is back', async () => {
    const runtime = await open();
    const hints: { podUid?: string }[] = [];
    runtime.onHint((hint) => hints.push(hint));
    const pod = podSpec(7);
    await runtime.createSandbox(pod);
    await runtime.startContainer(containerStart(pod, engine.image, obedient(0)));
    const before = await runtime.list();
    await engine.halt();
    const failure = await eventually(
      () =>
        runtime.version().then(
          () => undefined,
          (error: unknown) => error as Error,
        ),
      'the engine is away',
    );
    expect(failure).toMatchObject({ code: 'RuntimeUnavailable', message: expect.stringContaining(engine.socketPath) as string });
    await expect(runtime.list()).rejects.toMatchObject({ code: 'RuntimeUnavailable' });
    await expect(runtime.createSandbox(podSpec(8))).rejects.toMatchObject({ code: 'RuntimeUnavailable' });
    hints.length = 0;
    await engine.resume();
    await eventually(async () => (hints.some((hint) => hint.podUid === undefined) ? true : undefined), 'a hint to list again');
    // What may have been taken for the one that could not be made is given back with it.
    await runtime.removePod(podSpec(8).uid);
    expect(await runtime.list()).toEqual(before);
    hints.length = 0;
    await runtime.stopContainer(pod.uid, 'main', 5);
    await eventually(async () => (hints.some((hint) => hint.podUid === pod.uid) ? true : undefined), 'a hint for the pod');
    await runtime.removePod(pod.uid);
  }, 60_000);

  it('does not wait for an engine that hangs', async () => {
    const runtime = await open();
    await runtime.version();
    engine.freeze();
    try {
      const began = performance.now();
      await expect(runtime.version()).rejects.toMatchObject({ code: 'RuntimeUnavailable' });
      expect(performance.now() - began).toBeLessThan(4_000);
      await expect(runtime.list(AbortSignal.timeout(100))).rejects.toThrow();
    } finally {
      engine.thaw();
    }
    await eventually(() => runtime.version().catch(() => undefined), 'the engine answers again');
  }, 60_000);

  it('writes nothing of its own outside its data folder', async () => {
    const runtime = await open();
    const pod = podSpec(9);
    await runtime.createSandbox(pod);
    await runtime.startContainer(containerStart(pod, engine.image, 'echo bye > "$KITH_TERMINATION_LOG"'));
    const file = join(dataDir, 'termination', pod.uid, 'main-0');
    expect(await eventually(async () => (await readFile(file, 'utf8')) || undefined, 'last words')).toBe('bye\n');
    await mkdir(join(dataDir, 'other'));
    await writeFile(join(dataDir, 'other', 'kept'), '');
    await runtime.removePod(pod.uid);
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readFile(join(dataDir, 'other', 'kept'), 'utf8')).toBe('');
  });
});
