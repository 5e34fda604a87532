import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DockerRuntime } from '../../../daemon/adapters/docker/runtime.ts';
import { runtimeAcceptance } from '../../acceptance/runtime.ts';
import type { RuntimeWorld } from '../../acceptance/runtime.ts';
import { docker, engineAvailable, startEngine } from '../../support/engine.ts';
import { silentLog } from '../../support/silent-log.ts';

async function dockerWorld(): Promise<RuntimeWorld> {
  const engine = await startEngine();
  const dataDir = await mkdtemp('/var/tmp/kith-docker-');
  return {
    image: engine.image,
    async open() {
      const runtime = new DockerRuntime(
        { log: silentLog },
        { host: engine.socketPath, clusterId: 'cluster-1', nodeName: 'node-1', dataDir },
      );
      await runtime.start();
      return runtime;
    },
    async leftovers(podUid) {
      const containers = await docker(engine.socketPath, 'ps', '-aq', '--filter', `label=kith.dev/pod-uid=${podUid}`);
      const files = (await readdir(join(dataDir, 'termination')).catch(() => [])).filter((name) => name === podUid);
      return [...containers.split('\n').filter((id) => id !== ''), ...files];
    },
    async close() {
      await engine.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

runtimeAcceptance('docker', dockerWorld, engineAvailable());
