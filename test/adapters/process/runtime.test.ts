import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findMarked } from '../../../daemon/adapters/process/processes.ts';
import { containerMarker, killAllContainers, ProcessRuntime } from '../../../daemon/adapters/process/runtime.ts';
import { runtimeAcceptance } from '../../acceptance/runtime.ts';
import type { RuntimeWorld } from '../../acceptance/runtime.ts';
import { silentLog } from '../../support/silent-log.ts';

async function processWorld(): Promise<RuntimeWorld> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'kith-process-')));
  const dataDir = join(folder, 'data');
  const imageDir = join(folder, 'images');
  const addressDir = join(folder, 'addresses');
  await mkdir(join(imageDir, 'test', 'tools:1'), { recursive: true });
  await writeFile(join(imageDir, 'test', 'tools:1', 'image.json'), '{ "args": ["sh"] }');
  return {
    image: 'test/tools:1',
    async open() {
      const runtime = new ProcessRuntime({ log: silentLog }, { dataDir, imageDirs: [imageDir], nodeName: 'node-1', addressDir });
      await runtime.start();
      return runtime;
    },
    async leftovers(podUid) {
      const processes = await findMarked(`${containerMarker(dataDir)}${podUid}/`);
      const files = (await readdir(dataDir, { recursive: true })).filter((path) => path.includes(podUid));
      return [...processes.map((process) => `process ${process.pid}`), ...files];
    },
    async close() {
      await killAllContainers(dataDir);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

runtimeAcceptance('process', processWorld, platform() === 'linux' ? undefined : 'needs Linux');
