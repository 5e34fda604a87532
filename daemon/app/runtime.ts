import http from 'node:http';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { leaseSettings } from '../../protocol/leases.ts';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DockerRuntime } from '../adapters/docker/runtime.ts';
import { GuardClient } from '../adapters/guard/client.ts';
import { writeWhole } from '../adapters/process/files.ts';
import { LoopbackAddresses } from '../adapters/process/addresses.ts';
import { ADDRESS_DIR, ProcessRuntime } from '../adapters/process/runtime.ts';
import type { Guard } from '../ports/guard.ts';
import type { Log } from '../ports/log.ts';
import type { ProxyTarget } from '../ports/service-proxy.ts';
import type { ContainerRuntime } from '../ports/runtime.ts';
import { advertisedAddresses } from './addresses.ts';
import { bundleFolder } from './bundle-folder.ts';
import type { DaemonConfig } from './config.ts';

export type ChosenRuntime = { name: 'process' } | { name: 'docker'; url: string };

const DEFAULT_ENGINE = 'unix:///var/run/docker.sock';
/** A docker command on the path proves nothing: the engine itself must answer within this time. */
const ENGINE_TIMEOUT_MS = 2_000;

/** What ran containers last, by its name: below the data folder. */
const LAST_FILE = 'runtime';

/**
 * What will run containers: as the person said, else what runs them already, else Docker where an engine answers, else processes. An engine that is away while the daemon
 * starts (both start with their host) must not have all of the node's pods run a second time, as processes.
 */
export async function chooseRuntime(
  config: Pick<DaemonConfig, 'runtime' | 'dockerHost' | 'dataDir'>,
  log: Pick<Log, 'warn'>,
): Promise<ChosenRuntime> {
  if (config.runtime === 'process') return { name: 'process' };
  const url = config.dockerHost ?? DEFAULT_ENGINE;
  if (config.runtime === 'docker') return { name: 'docker', url };
  const last = await lastRuntime(config.dataDir);
  if (last !== 'docker' && (await isFilled(path.join(config.dataDir, 'process', 'pods')))) return { name: 'process' };
  if (await answers(url)) return { name: 'docker', url };
  if (last !== 'docker') return { name: 'process' };
  log.warn('The container engine that runs the pods of this node does not answer. If it is gone for good: --runtime process', { url });
  return { name: 'docker', url };
}

/** For the next start. What was written before stays where nothing can be written, as on a full disk. */
export async function rememberRuntime({ name }: ChosenRuntime, dataDir: string, log: Pick<Log, 'warn'>): Promise<void> {
  try {
    if ((await lastRuntime(dataDir)) !== name) await writeWhole(path.join(dataDir, LAST_FILE), name);
  } catch (error) {
    log.warn('What runs the containers of this node could not be written down', { error });
  }
}

/** Before it was written down, the engine's runtime left a folder. */
async function lastRuntime(dataDir: string): Promise<string | undefined> {
  const written = await readFile(path.join(dataDir, LAST_FILE), 'utf8').catch(() => undefined);
  return written ?? (existsSync(path.join(dataDir, 'docker')) ? 'docker' : undefined);
}

async function isFilled(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => [])).length > 0;
}

export function createRuntime(chosen: ChosenRuntime, config: DaemonConfig, clusterId: string, log: Log): ContainerRuntime {
  const { nodeName, imageFolders } = config;
  const dataDir = path.join(config.dataDir, chosen.name);
  if (chosen.name === 'process') {
    const consoleProgram = fileURLToPath(new URL('./console.js', bundleFolder()));
    return new ProcessRuntime({ log }, { dataDir, imageDirs: imageFolders, nodeName, consoleProgram });
  }
  return new DockerRuntime(
    { log },
    {
      host: chosen.url,
      clusterId,
      nodeName,
      hostAddress: advertisedAddresses(config)[0],
      dataDir,
      imageDirs: imageFolders,
    },
  );
}

export function createGuard(dataDir: string, log: Log): Guard {
  const program = fileURLToPath(new URL('./guard.js', bundleFolder()));
  return new GuardClient({ log }, { dataDir, program, checkMs: leaseSettings.guardCheckMs });
}

/** Whether a pod's address can be reached from here as it is: processes of all daemons of this machine can, and containers of this one. */
export function nearness(runtime: ContainerRuntime['name'], self: string): (target: ProxyTarget) => Promise<boolean> {
  const addresses = new LoopbackAddresses(ADDRESS_DIR);
  return async ({ ip, node, podUid }) => node === self || (runtime === 'process' && podUid !== undefined && addresses.isOf(ip, podUid));
}

async function answers(url: string): Promise<boolean> {
  const socketPath = url.startsWith('unix://') ? url.slice('unix://'.length) : undefined;
  if (socketPath !== undefined && !existsSync(socketPath)) return false;
  const target =
    socketPath === undefined
      ? { host: new URL(url.replace(/^tcp:/, 'http:')).hostname, port: new URL(url.replace(/^tcp:/, 'http:')).port }
      : { socketPath };
  return new Promise((resolve) => {
    const request = http.get({ ...target, path: '/_ping', timeout: ENGINE_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}
