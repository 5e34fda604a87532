import { buildSync } from 'esbuild';
import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findMarked } from '../../../daemon/adapters/process/processes.ts';
import { containerMarker, killAllContainers, ProcessRuntime } from '../../../daemon/adapters/process/runtime.ts';
import type { ContainerRuntime } from '../../../daemon/ports/runtime.ts';
import { runtimeStreamsAcceptance } from '../../acceptance/runtime-streams.ts';
import { runtimeAcceptance } from '../../acceptance/runtime.ts';
import type { RuntimeWorld } from '../../acceptance/runtime-world.ts';
import { silentLog } from '../../support/silent-log.ts';

const CONSOLE = join(import.meta.dirname, '../../../daemon/adapters/process/console.ts');

async function processWorld(): Promise<RuntimeWorld> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'kith-process-')));
  const dataDir = join(folder, 'data');
  const imageDir = join(folder, 'images');
  const addressDir = join(folder, 'addresses');
  await mkdir(join(imageDir, 'test', 'tools:1'), { recursive: true });
  await writeFile(join(imageDir, 'test', 'tools:1', 'image.json'), '{ "args": ["sh"] }');
  const consoleProgram = join(folder, 'console.mjs');
  buildSync({ entryPoints: [CONSOLE], bundle: true, platform: 'node', format: 'esm', outfile: consoleProgram });
  const neighbourDir = join(folder, 'neighbour');
  await mkdir(neighbourDir);
  const open = async (nodeName: string, dir: string): Promise<ContainerRuntime> => {
    const runtime = new ProcessRuntime({ log: silentLog }, { dataDir: dir, imageDirs: [imageDir], nodeName, addressDir, consoleProgram });
    await runtime.start();
    return runtime;
  };
  return {
    image: 'test/tools:1',
    folder,
    seesProcesses: true,
    open: () => open('node-1', dataDir),
    openNeighbour: () => open('node-2', neighbourDir),
    async leftovers(podUid) {
      const processes = await findMarked(`${containerMarker(dataDir)}${podUid}/`);
      const files = (await readdir(dataDir, { recursive: true })).filter((path) => path.includes(podUid));
      return [...processes.map((process) => `process ${process.pid}`), ...files];
    },
    async close() {
      for (const dir of [dataDir, neighbourDir]) await killAllContainers(dir);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Sends back what comes. */
const ECHO = `require('node:net').createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(8080, process.env.POD_IP)`;
const unavailable = platform() === 'linux' ? undefined : 'needs Linux';
runtimeAcceptance('process', processWorld, { unavailable });
runtimeStreamsAcceptance('process', processWorld, {
  unavailable,
  echoServer: { command: [process.execPath, '-e', ECHO] },
});
