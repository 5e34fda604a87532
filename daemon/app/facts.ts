import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { KUBERNETES_VERSION } from '../../protocol/version.ts';
import type { NodeFacts } from '../core/reconcile/node-status.ts';
import type { DaemonConfig } from './config.ts';

/** Share of a host that is left to its system and to the daemon. */
const RESERVED_SHARE = 0.1;
const KIB = 1024;

/** What this host is, for its node object. Read once. */
export function nodeFacts(config: DaemonConfig, addresses: readonly string[], network?: NodeFacts['network']): NodeFacts {
  const totalCpuMillis = cpus().length * 1000;
  const totalBytes = totalmem();
  const cpuMillis = config.allocatable.cpuMillis ?? Math.floor(totalCpuMillis * (1 - RESERVED_SHARE));
  const memoryBytes = config.allocatable.memoryBytes ?? Math.floor(totalBytes * (1 - RESERVED_SHARE));
  const pods = String(config.allocatable.pods);
  return {
    capacity: { cpu: String(cpus().length), memory: `${Math.floor(totalBytes / KIB)}Ki`, pods },
    allocatable: { cpu: `${cpuMillis}m`, memory: `${Math.floor(memoryBytes / KIB)}Ki`, pods },
    addresses: [...addresses.map((address) => ({ type: 'InternalIP' as const, address })), { type: 'Hostname', address: config.nodeName }],
    architecture: kubernetesArchitecture(arch()),
    operatingSystem: platform(),
    kernelVersion: release(),
    osImage: osImage(),
    bootID: readText('/proc/sys/kernel/random/boot_id'),
    machineID: readText('/etc/machine-id'),
    systemUUID: readText('/etc/machine-id'),
    kubeletVersion: KUBERNETES_VERSION,
    ...(network === undefined ? {} : { network }),
  };
}

function kubernetesArchitecture(node: string): string {
  return node === 'x64' ? 'amd64' : node;
}

function osImage(): string {
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(readText('/etc/os-release'))?.[1] ?? platform();
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
