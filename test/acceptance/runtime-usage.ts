import { expect, it } from 'vitest';
import type { ContainerRuntime, SandboxSpec } from '../../daemon/ports/runtime.ts';
import { eventually } from './eventually.ts';

export interface UsageWorld {
  runtime: ContainerRuntime;
  /** Starts a pod of one container, `main`, that runs this script. */
  start(script: string): Promise<SandboxSpec>;
}

/** What a runtime that counts what pods use must count. */
export function usageTests(world: () => UsageWorld): void {
  it('tells what containers use, where it can', async () => {
    const { runtime, start } = world();
    if (runtime.usage === undefined) return;
    const pod = await start('(while :; do :; done) & while :; do :; done');
    const used = await eventually(async () => {
      const usage = await runtime.usage?.();
      const container = usage?.pods.find(({ uid }) => uid === pod.uid)?.containers.find(({ name }) => name === 'main');
      return container === undefined || container.cpuNanos < 100e6 ? undefined : { host: usage?.host, container };
    }, 'a tenth of a second is counted');
    expect(used.container.memoryBytes).toBeGreaterThan(10_000);
    expect(used.container.memoryBytes).toBeLessThan(100e6);
    expect(used.host?.memoryBytes).toBeGreaterThan(used.container.memoryBytes);
    await runtime.stopContainer(pod.uid, 'main', 0);
    expect((await runtime.usage()).pods.find(({ uid }) => uid === pod.uid)?.containers ?? []).toEqual([]);
  });
}
