import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerRuntime, ContainerStart, LogChunk, LogRequest, RuntimeContainer, SandboxSpec } from '../../daemon/ports/runtime.ts';
import { eventually } from './eventually.ts';
import type { RuntimeWorld } from './runtime-world.ts';
import { addedTests } from './runtime-added.ts';
import { containerStart, obedient, podSpec } from './runtime-specs.ts';
import { usageTests } from './runtime-usage.ts';
import { volumeTests } from './runtime-volumes.ts';

const encoder = new TextDecoder();
const never = new AbortController().signal;

const stubborn = `trap '' TERM; echo ready; while :; do sleep 0.05; done`;

export interface AcceptanceOptions {
  /** Why this machine can't run it; its tests are then skipped by name. */
  unavailable?: string;
  /** Containers that every pod has beside those that a test starts: never started themselves. Some runtimes treat pods of one container apart. */
  companions?: readonly string[];
  /** Only what may depend on how a pod holds its address: for a second run on the same runtime, whose containers and logs the first has shown. */
  podsOnly?: boolean;
}

export function runtimeAcceptance(name: string, makeWorld: () => Promise<RuntimeWorld>, options: AcceptanceOptions = {}): void {
  const { unavailable, companions = [], podsOnly = false } = options;
  const title = unavailable === undefined ? `${name}: container runtime` : `${name}: container runtime (${unavailable})`;
  describe.skipIf(unavailable !== undefined)(title, () => {
    let world: RuntimeWorld;
    let runtime: ContainerRuntime;
    const opened: ContainerRuntime[] = [];
    const pods = new Set<string>();
    let lastPod = 0;

    const open = async (): Promise<ContainerRuntime> => {
      const another = await world.open();
      opened.push(another);
      return another;
    };
    const newPod = (...names: string[]): SandboxSpec => {
      const containers = [...(names.length === 0 ? ['main'] : names), ...companions].map((name) => ({ name, image: world.image }));
      const pod = { ...podSpec((lastPod += 1)), spec: { containers } };
      pods.add(pod.uid);
      return pod;
    };
    const addressOf = async (pod: SandboxSpec): Promise<string | undefined> =>
      (await runtime.list()).find((candidate) => candidate.uid === pod.uid)?.sandbox.ip;
    const start = async (script: string, more: Partial<ContainerStart> = {}): Promise<SandboxSpec> => {
      const pod = newPod();
      await runtime.createSandbox(pod);
      await runtime.startContainer(containerStart(pod, world.image, script, more));
      return pod;
    };
    const find = async (pod: SandboxSpec, attempt = 0, container = 'main'): Promise<RuntimeContainer | undefined> => {
      const listed = (await runtime.list()).find((candidate) => candidate.uid === pod.uid);
      return listed?.containers.find((candidate) => candidate.name === container && candidate.attempt === attempt);
    };
    const exited = (pod: SandboxSpec, attempt = 0): Promise<RuntimeContainer> =>
      eventually(async () => {
        const found = await find(pod, attempt);
        return found?.state === 'exited' ? found : undefined;
      }, `${pod.name} has exited`);
    const collect = async (request: Partial<LogRequest> & { podUid: string }, signal = never): Promise<LogChunk[]> => {
      const chunks: LogChunk[] = [];
      for await (const chunk of runtime.logs({ container: 'main', follow: false, ...request }, signal)) chunks.push(chunk);
      return chunks;
    };
    const texts = (chunks: LogChunk[]): string[] => chunks.map((chunk) => encoder.decode(chunk.line));
    const says = (pod: SandboxSpec, wanted: string | RegExp, container = 'main'): Promise<string> => {
      const isIt = (line: string): boolean => (typeof wanted === 'string' ? line === wanted : wanted.test(line));
      const found = async (): Promise<string | undefined> => texts(await collect({ podUid: pod.uid, container })).find(isIt);
      return eventually(found, `${container} of ${pod.name} says ${wanted}`);
    };

    beforeAll(async () => {
      world = await makeWorld();
      runtime = await open();
    }, 60_000);
    afterEach(async () => {
      await Promise.all([...pods].map(async (uid) => runtime.removePod(uid)));
      pods.clear();
      for (const another of opened.splice(1)) await another.stop();
    });
    afterAll(async () => {
      for (const one of opened) await one.stop();
      await world?.close();
    });

    describe('pods', () => {
      addedTests(() => ({ runtime, image: world.image, start, says }));

      it('says what it is', async () => {
        expect(await runtime.version()).toMatch(new RegExp(`^${runtime.name}://.+`));
      });

      it('gives each pod an address of its own, the same when asked again', async () => {
        const [one, two] = [newPod(), newPod()];
        const first = await runtime.createSandbox(one);
        expect(first).toEqual({ ip: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/) as string, running: true });
        expect((await runtime.createSandbox(two)).ip).not.toBe(first.ip);
        expect(await runtime.createSandbox(one)).toEqual(first);
      });

      it('keeps the address of a pod that crashes while others start, and gives it to nobody', async () => {
        const pod = await start('exit 1');
        await exited(pod);
        const address = await addressOf(pod);
        expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
        const others = await Promise.all([1, 2].map(() => start(obedient(0))));
        expect(await Promise.all(others.map(addressOf))).not.toContain(address);
        for (const attempt of [1, 2]) {
          await runtime.createSandbox(pod);
          await runtime.startContainer(containerStart(pod, world.image, 'exit 1', { attempt }));
          await exited(pod, attempt);
          expect(await addressOf(pod)).toBe(address);
        }
      });

      it('shares the place with another node, and neither sees or touches the other', async () => {
        const neighbour = await world.openNeighbour();
        opened.push(neighbour);
        const pod = newPod();
        await Promise.all(
          [runtime, neighbour].map(async (one) => {
            await one.createSandbox(pod);
            await one.startContainer(containerStart(pod, world.image, obedient(0)));
          }),
        );
        const [[mine], [theirs]] = [await runtime.list(), await neighbour.list()];
        expect([mine?.containers[0]?.state, theirs?.containers[0]?.state]).toEqual(['running', 'running']);
        expect(theirs?.sandbox.ip).not.toBe(mine?.sandbox.ip);
        await neighbour.removePod(pod.uid);
        expect(await neighbour.list()).toEqual([]);
        expect(await runtime.list()).toEqual([mine]);
      });

      it('starts and removes many pods at once', async () => {
        const many = Array.from({ length: 4 }, () => newPod());
        await Promise.all(
          many.map(async (pod) => {
            await runtime.createSandbox(pod);
            await runtime.startContainer(containerStart(pod, world.image, obedient(0)));
          }),
        );
        const listed = (await runtime.list()).filter((pod) => pods.has(pod.uid));
        expect(listed.map((pod) => pod.containers[0]?.state)).toEqual(many.map(() => 'running'));
        expect(new Set(listed.map((pod) => pod.sandbox.ip)).size).toBe(many.length);
        await Promise.all(many.map((pod) => runtime.removePod(pod.uid)));
        expect((await runtime.list()).filter((pod) => pods.has(pod.uid))).toEqual([]);
      });

      it('leaves nothing of a removed pod, and removes twice without complaint', async () => {
        const pod = newPod('main', 'other');
        await runtime.createSandbox(pod);
        await runtime.startContainer(containerStart(pod, world.image, `sleep 1000 & echo ready; ${stubborn}`));
        await runtime.startContainer(containerStart(pod, world.image, 'exit 3', { container: 'other' }));
        await says(pod, 'ready');
        expect(await world.leftovers(pod.uid)).not.toEqual([]);
        await runtime.removePod(pod.uid);
        expect(await world.leftovers(pod.uid)).toEqual([]);
        await runtime.removePod(pod.uid);
        expect((await runtime.list()).some((candidate) => candidate.uid === pod.uid)).toBe(false);
      });

      it('is found again by a second runtime, which sees it end and stops it', async () => {
        const pod = await start(obedient(7));
        const before = await runtime.list();
        await says(pod, 'ready');
        const second = await open();
        expect(await second.list()).toEqual(before);
        await second.stopContainer(pod.uid, 'main', 10);
        expect(await find(pod)).toMatchObject({ state: 'exited', exitCode: 7 });
      });

      it('keeps addresses when the engine, where there is one, crashes and comes back', async () => {
        const [running, ended] = [await start(obedient(0)), await start('exit 1')];
        await exited(ended);
        const before = [await addressOf(running), await addressOf(ended)];
        await world.crashEngine?.();
        for (const pod of [running, ended]) {
          const [latest] = ((await runtime.list()).find(({ uid }) => uid === pod.uid)?.containers ?? []).slice(-1);
          if (latest?.state === 'running') continue;
          await runtime.createSandbox(pod);
          await runtime.startContainer(containerStart(pod, world.image, obedient(0), { attempt: (latest?.attempt ?? -1) + 1 }));
        }
        expect([await addressOf(running), await addressOf(ended)]).toEqual(before);
        expect(await addressOf(await start(obedient(0)))).not.toBe(before[0]);
      }, 60_000);

      it('keeps the attempts apart, the pod address the same, and forgets one attempt', async () => {
        const pod = await start('echo first; exit 1');
        await exited(pod);
        const { ip } = await runtime.createSandbox(pod);
        await runtime.startContainer(containerStart(pod, world.image, `echo second; ${obedient(0)}`, { attempt: 1 }));
        await says(pod, 'ready');
        expect((await runtime.list()).find((candidate) => candidate.uid === pod.uid)?.sandbox.ip).toBe(ip);
        expect(texts(await collect({ podUid: pod.uid, attempt: 0 }))).toEqual(['first']);
        expect(texts(await collect({ podUid: pod.uid }))).toEqual(['second', 'ready']);
        await runtime.removeContainer(pod.uid, 'main', 0);
        await runtime.removeContainer(pod.uid, 'main', 0);
        expect(await find(pod, 0)).toBeUndefined();
        expect(await find(pod, 1)).toMatchObject({ state: 'running' });
        await expect(runtime.removeContainer(pod.uid, 'main', 1)).rejects.toMatchObject({ code: 'InvalidContainer' });
      });
    });

    if (podsOnly) return;
    describe('containers', () => {
      it('lists a running container with its times and image', async () => {
        const before = Date.now();
        const pod = await start(obedient(0));
        const listed = (await runtime.list()).find((candidate) => candidate.uid === pod.uid);
        expect(listed).toMatchObject({ namespace: 'default', name: pod.name, sandbox: { running: true } });
        expect(listed?.containers).toHaveLength(1);
        const container = listed!.containers[0]!;
        expect(container).toMatchObject({ name: 'main', attempt: 0, image: world.image, state: 'running' });
        expect(container.id).toMatch(new RegExp(`^${runtime.name}://.+`));
        expect(container.imageId).toMatch(/sha256:/);
        expect(container.startedAt).toBeGreaterThan(before - 1_000);
        expect(container.startedAt).toBeLessThan(Date.now() + 1_000);
        expect(container.exitCode).toBeUndefined();
      });

      it('hints at a container that ends', async () => {
        const hints: (string | undefined)[] = [];
        const off = runtime.onHint((hint) => hints.push(hint.podUid));
        const pod = await start('sleep 0.2');
        await eventually(async () => (hints.includes(pod.uid) ? true : undefined), 'a hint for the pod');
        off();
      });

      it('passes on environment, arguments and working directory', async () => {
        const pod = await start('echo "$GREETING $0 $1 $(pwd) $HOSTNAME"', {
          env: { GREETING: 'it\'s a "test" $HOME' },
          args: ['zero', 'first one'],
          workingDir: '/tmp',
        });
        await exited(pod);
        expect(texts(await collect({ podUid: pod.uid }))).toEqual([`it's a "test" $HOME zero first one /tmp ${pod.hostname}`]);
      });

      it('reports exit codes', async () => {
        await Promise.all(
          [0, 3, 255].map(async (code) => {
            const container = await exited(await start(`exit ${code}`));
            expect(container).toMatchObject({ state: 'exited', exitCode: code });
            expect(container.finishedAt).toBeGreaterThanOrEqual(container.startedAt! - 20);
            expect(container.finishedAt).toBeLessThan(Date.now() + 1_000);
          }),
        );
      });

      it('reports a program that kills itself as 128 + signal', async () => {
        // Process 1 of a namespace ignores its own signals: a child does it, and the shell ends with the child's status.
        const pod = await start(`sh -c 'kill -9 $$'; exit $?`);
        expect(await exited(pod)).toMatchObject({ exitCode: 137 });
      });

      it('stops in order within the grace period', async () => {
        const pod = await start(obedient(5));
        await says(pod, 'ready');
        const began = performance.now();
        await runtime.stopContainer(pod.uid, 'main', 15);
        expect(performance.now() - began).toBeLessThan(10_000);
        expect(await find(pod)).toMatchObject({ state: 'exited', exitCode: 5 });
        await runtime.stopContainer(pod.uid, 'main', 15);
      });

      it('kills what does not stop, and all it started', async () => {
        const pod = await start(`sleep 1000 & ${stubborn}`);
        await says(pod, 'ready');
        const began = performance.now();
        await runtime.stopContainer(pod.uid, 'main', 1);
        expect(performance.now() - began).toBeGreaterThan(900);
        expect(await find(pod)).toMatchObject({ state: 'exited', exitCode: 137 });
      });

      it('kills at once when there is no grace', async () => {
        const pod = await start(obedient(0));
        await says(pod, 'ready');
        await runtime.stopContainer(pod.uid, 'main', 0);
        expect(await find(pod)).toMatchObject({ state: 'exited', exitCode: 137 });
      });

      it('starts an attempt once, whoever asks', async () => {
        const pod = await start(obedient(0));
        const before = await find(pod);
        await runtime.startContainer(containerStart(pod, world.image, obedient(0)));
        await (await open()).startContainer(containerStart(pod, world.image, obedient(0)));
        expect(await find(pod)).toEqual(before);
      });

      it('gives back the last words', async () => {
        const pod = await start('printf "out of luck" > "$KITH_TERMINATION_LOG"; exit 1');
        expect(await exited(pod)).toMatchObject({ exitCode: 1, terminationMessage: 'out of luck' });
      });

      it('reads no more than 4096 bytes of last words', async () => {
        const pod = await start('i=0; while [ $i -lt 600 ]; do printf 0123456789; i=$((i+1)); done > "$KITH_TERMINATION_LOG"');
        expect((await exited(pod)).terminationMessage).toHaveLength(4096);
      });

      it('keeps standard input open where it is asked for, and only there', async () => {
        const closed = await start('cat; echo over');
        await exited(closed);
        const pod = await start('echo ready; cat', { stdin: true });
        await says(pod, 'ready');
        expect(await find(pod)).toMatchObject({ state: 'running' });
      });
    });

    describe('volumes', () => volumeTests(() => ({ runtime, world, newPod, start, says, exited, find, collect })));

    describe('usage', () => usageTests(() => ({ runtime, start })));

    describe('refusals', () => {
      it('knows which images it has', async () => {
        expect(await runtime.findImage(world.image)).toMatch(/^sha256:/);
        expect(await runtime.findImage('no.example/nothing:1')).toBeUndefined();
        expect(await runtime.findImage('../../etc:1')).toBeUndefined();
      });

      it('refuses to start what has no image or no sandbox', async () => {
        const pod = newPod();
        await expect(runtime.startContainer(containerStart(pod, world.image, ':'))).rejects.toMatchObject({ code: 'NotFound' });
        await runtime.createSandbox(pod);
        const start = containerStart(pod, 'no.example/nothing:1', ':');
        await expect(runtime.startContainer(start)).rejects.toMatchObject({ code: 'ImageNotFound' });
      });

      it('says that a command does not exist, and keeps nothing of the attempt', async () => {
        const pod = newPod();
        await runtime.createSandbox(pod);
        for (const command of ['no-such-program', '/no/such/program']) {
          const spec = { ...containerStart(pod, world.image, ''), command: [command] };
          const failure = await runtime.startContainer(spec).catch((error: unknown) => error);
          expect(failure).toMatchObject({ code: 'ContainerStartFailed', message: expect.stringContaining(command) as string });
        }
        expect(await find(pod)).toBeUndefined();
        await runtime.startContainer(containerStart(pod, world.image, obedient(0)));
        expect(await find(pod)).toMatchObject({ state: 'running' });
      });

      it('gives up when the signal fires', async () => {
        const gone = AbortSignal.abort();
        const pod = await start(stubborn);
        await says(pod, 'ready');
        await expect(runtime.createSandbox(newPod(), gone)).rejects.toThrow();
        const soon = AbortSignal.timeout(200);
        const began = performance.now();
        await expect(runtime.stopContainer(pod.uid, 'main', 60, soon)).rejects.toThrow();
        expect(performance.now() - began).toBeLessThan(5_000);
        expect(await find(pod)).toMatchObject({ state: 'running' });
        await runtime.stopContainer(pod.uid, 'main', 0);
      });
    });

    describe('logs', () => {
      it('keeps lines, streams and times', async () => {
        const before = Date.now();
        const pod = await start('echo one; sleep 0.1; echo " two  \\\\ tabs	" >&2; sleep 0.1; echo; printf unended');
        await exited(pod);
        const chunks = await eventually(async () => {
          const all = await collect({ podUid: pod.uid });
          return all.length === 4 ? all : undefined;
        }, 'four lines');
        expect(chunks.map((chunk) => [chunk.stream, encoder.decode(chunk.line)])).toEqual([
          ['stdout', 'one'],
          ['stderr', ' two  \\ tabs	'],
          ['stdout', ''],
          ['stdout', 'unended'],
        ]);
        const times = chunks.map((chunk) => chunk.at);
        expect([...times].sort((left, right) => left - right)).toEqual(times);
        expect(times[1]! - times[0]!).toBeGreaterThan(50);
        expect(times[0]).toBeGreaterThan(before - 1_000);
        expect(times[3]).toBeLessThan(Date.now() + 1_000);
      });

      it('gives the last lines, and those since a time', async () => {
        const pod = await start('i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo $i; done; sleep 1.2; echo late');
        await exited(pod);
        expect(texts(await collect({ podUid: pod.uid, tailLines: 3 }))).toEqual(['49', '50', 'late']);
        expect(await collect({ podUid: pod.uid, tailLines: 0 })).toEqual([]);
        const all = await collect({ podUid: pod.uid });
        expect(all).toHaveLength(51);
        expect(texts(await collect({ podUid: pod.uid, sinceMs: all[50]!.at - 600 }))).toEqual(['late']);
      });

      it('follows until the container ends, from the start and from the tail', async () => {
        const pod = await start('echo one; echo two; sleep 0.5; echo three; sleep 0.2; echo four');
        await says(pod, 'two');
        const [all, tail] = await Promise.all([
          collect({ podUid: pod.uid, follow: true }),
          collect({ podUid: pod.uid, follow: true, tailLines: 1 }),
        ]);
        expect(texts(all)).toEqual(['one', 'two', 'three', 'four']);
        expect(texts(tail)).toEqual(['two', 'three', 'four']);
      });

      it('stops to follow when the signal fires', async () => {
        const pod = await start(obedient(0));
        await says(pod, 'ready');
        const lines: string[] = [];
        const abort = new AbortController();
        for await (const chunk of runtime.logs({ podUid: pod.uid, container: 'main', follow: true }, abort.signal)) {
          lines.push(encoder.decode(chunk.line));
          abort.abort();
        }
        expect(lines).toEqual(['ready']);
      });

      it('says that there is no such log', async () => {
        const pod = await start(obedient(0));
        await expect(collect({ podUid: pod.uid, container: 'nobody' })).rejects.toMatchObject({ code: 'NotFound' });
        await expect(collect({ podUid: pod.uid, attempt: 9 })).rejects.toMatchObject({ code: 'NotFound' });
      });

      it('loses no line of a program that talks much', async () => {
        const pod = await start('i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "line $i"; done');
        const lines = texts(await collect({ podUid: pod.uid, follow: true }));
        expect(lines).toEqual(Array.from({ length: 2000 }, (_, index) => `line ${index + 1}`));
      });
    });
  });
}
