import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DockerRuntime } from '../../../daemon/adapters/docker/runtime.ts';
import type { ContainerRuntime } from '../../../daemon/ports/runtime.ts';
import { runtimeStreamsAcceptance } from '../../acceptance/runtime-streams.ts';
import { runtimeAcceptance } from '../../acceptance/runtime.ts';
import type { RuntimeWorld } from '../../acceptance/runtime-world.ts';
import { docker, engineAvailable, startEngine } from '../../support/engine.ts';
import { silentLog } from '../../support/silent-log.ts';

async function dockerWorld(liveRestore: boolean): Promise<RuntimeWorld> {
  const engine = await startEngine({ liveRestore });
  const dataDir = await mkdtemp('/var/tmp/kith-docker-');
  const open = async (nodeName: string): Promise<ContainerRuntime> => {
    const runtime = new DockerRuntime({ log: silentLog }, { host: engine.socketPath, clusterId: 'cluster-1', nodeName, dataDir });
    runtime.usePodNetwork({ subnet: nodeName === 'node-1' ? '10.42.7.0/24' : '10.42.8.0/24', onRefused: () => undefined });
    await runtime.start();
    return runtime;
  };
  return {
    image: engine.image,
    folder: dataDir,
    seesProcesses: false,
    open: () => open('node-1'),
    openNeighbour: () => open('node-2'),
    async crashEngine() {
      await engine.halt();
      await engine.resume();
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

const unavailable = engineAvailable();
runtimeAcceptance('docker, pods of one container', () => dockerWorld(false), { unavailable });
// Never started, it makes the pods' sandboxes pause containers.
const companions = ['beside'];
runtimeAcceptance('docker, pods of several containers', () => dockerWorld(true), { unavailable, companions, podsOnly: true });
// Streams go to containers, whoever holds the pod's address. The image holds nothing that could listen; a test in the lab connects into pods.
runtimeStreamsAcceptance('docker', () => dockerWorld(false), { unavailable });
