import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeAtomically } from '../../daemon/adapters/volumes/atomic-files.ts';
import { openInside } from '../../daemon/adapters/volumes/inside.ts';
import type { ContainerRuntime, ContainerStart, LogChunk, RuntimeContainer, SandboxSpec } from '../../daemon/ports/runtime.ts';
import type { Mount } from '../../daemon/ports/volumes.ts';
import { eventually } from './eventually.ts';
import { containerStart } from './runtime-specs.ts';
import type { RuntimeWorld } from './runtime-world.ts';

/** What the suite of a runtime lends. */
export interface RuntimeTools {
  runtime: ContainerRuntime;
  world: RuntimeWorld;
  newPod(...names: string[]): SandboxSpec;
  start(script: string, more?: Partial<ContainerStart>): Promise<SandboxSpec>;
  says(pod: SandboxSpec, line: string): Promise<string>;
  exited(pod: SandboxSpec): Promise<RuntimeContainer>;
  find(pod: SandboxSpec, attempt?: number, container?: string): Promise<RuntimeContainer | undefined>;
  collect(of: { podUid: string; container?: string }): Promise<LogChunk[]>;
}

/** Files and folders of the host in containers. */
export function volumeTests(tools: () => RuntimeTools): void {
  const linesOf = async (of: { podUid: string; container?: string }): Promise<string[]> =>
    (await tools().collect(of)).map(({ line }) => Buffer.from(line).toString());
  const mountAt = async (mountPath: string, more: Partial<Mount> = {}): Promise<Mount> => {
    const hostPath = await mkdtemp(join(tools().world.folder, 'volume-'));
    await chmod(hostPath, 0o777);
    return { hostPath, mountPath, readOnly: false, propagation: 'private', ...more };
  };

  it('are where the container wants them, and shared by its neighbours', async () => {
    const mount = await mountAt('/kith-data');
    await writeFile(join(mount.hostPath, 'in'), 'from the host');
    const pod = tools().newPod('main', 'other');
    await tools().runtime.createSandbox(pod);
    const script = 'cat /kith-data/in > "/kith-data/out"; echo done';
    await tools().runtime.startContainer(containerStart(pod, tools().world.image, script, { mounts: [mount] }));
    await tools().exited(pod);
    const more = {
      container: 'other',
      mounts: [{ ...mount, mountPath: '/elsewhere' }],
      workingDir: '/elsewhere',
      env: { AT: '/elsewhere/out' },
    };
    await tools().runtime.startContainer(containerStart(pod, tools().world.image, 'cat out; echo; cat "$AT"', more));
    await eventually(async () => ((await tools().find(pod, 0, 'other'))?.state === 'exited' ? true : undefined), 'the other has ended');
    expect(await linesOf({ podUid: pod.uid, container: 'other' })).toEqual(['from the host', 'from the host']);
    await tools().runtime.removePod(pod.uid);
    expect(await readFile(join(mount.hostPath, 'out'), 'utf8')).toBe('from the host');
  });

  it('change under a container that runs, all files at once', async () => {
    const mount = await mountAt('/kith-config', { readOnly: true });
    const file = (text: string) => [{ path: 'a/b', mode: 0o644, bytes: Buffer.from(text) }];
    await writeAtomically(mount.hostPath, file('old'), undefined);
    const script = 'echo ready; until grep -q new /kith-config/a/b; do sleep 0.05; done; echo seen';
    const pod = await tools().start(script, { mounts: [mount] });
    await tools().says(pod, 'ready');
    await writeAtomically(mount.hostPath, file('new'), undefined);
    await tools().says(pod, 'seen');
  });

  it('may be an open file, which its path then leads to no more', async () => {
    const mount = await mountAt('/kith-part');
    await mkdir(join(mount.hostPath, 'part'));
    await writeFile(join(mount.hostPath, 'part', 'name'), 'right');
    const inside = await openInside(mount.hostPath, 'part', { create: false });
    const mounts = [{ ...mount, hostPath: inside.path }];
    if (!tools().world.seesProcesses) {
      await expect(tools().start('true', { mounts })).rejects.toMatchObject({
        code: 'InvalidContainer',
        message: expect.stringContaining('does not exist') as string,
      });
      return inside.close();
    }
    const pod = await tools().start('cat /kith-part/name', { mounts });
    await inside.close();
    await tools().exited(pod);
    expect(await linesOf({ podUid: pod.uid })).toEqual(['right']);
  });
}
