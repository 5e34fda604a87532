import { expect, it } from 'vitest';
import type { ContainerRuntime, SandboxSpec } from '../../daemon/ports/runtime.ts';
import { containerStart } from './runtime-specs.ts';

export interface AddedWorld {
  runtime: ContainerRuntime;
  /** Starts a pod whose container `main` runs this script. */
  start(script: string): Promise<SandboxSpec>;
  image: string;
  /** Until the container has logged the line. */
  says(pod: SandboxSpec, line: RegExp, container?: string): Promise<string>;
}

/** What a runtime does for a container that is added to a pod while it runs. */
export function addedTests(world: () => AddedWorld): void {
  it('a container that is added has the network of its pod, and sees the processes that it is to look at', async () => {
    const { runtime, image, start, says } = world();
    const net = 'echo net $(readlink /proc/self/ns/net)';
    const pod = await start(`: the-main-one; ${net}; while :; do sleep 0.05; done`);
    const added: SandboxSpec = { ...pod, spec: { ...pod.spec, ephemeralContainers: [{ name: 'look', image: 'x' }] } };
    const look = `${net}; cat /proc/[0-9]*/cmdline | grep -q the-main[-]one && echo sees it; while :; do sleep 0.05; done`;
    await runtime.startContainer(containerStart(added, image, look, { container: 'look', seesProcessesOf: 'main' }));
    await says(added, /^sees it$/, 'look');
    expect(await says(added, /^net /, 'look')).toBe(await says(pod, /^net /));
    const listed = (await runtime.list()).find(({ uid }) => uid === pod.uid);
    expect(listed?.containers.map(({ name, state }) => `${name} ${state}`).sort()).toEqual(['look running', 'main running']);
    await runtime.stopContainer(pod.uid, 'look', 0);
    const main = (await runtime.list()).find(({ uid }) => uid === pod.uid)?.containers.find(({ name }) => name === 'main');
    expect(main?.state).toBe('running');
  });
}
