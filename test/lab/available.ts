import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';

export const DOCKERD = '/usr/sbin/dockerd';
export const BUSYBOX = '/bin/busybox';
/** Programs, and the Debian packages that have them. */
const PROGRAMS: Record<string, string> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  mount: 'mount',
  'mkfs.ext4': 'e2fsprogs',
  fallocate: 'util-linux',
  ip: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  iptables: 'iptables',
  docker: 'docker.io',
  'docker-init': 'docker.io',
};
const FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/bin'];

/** Why there can be no lab here, and what would help; undefined when there can. */
export function labAvailable(): string | undefined {
  if (process.platform !== 'linux') return 'the lab needs Linux';
  if (process.getuid?.() !== 0) return 'the lab needs root';
  for (const file of [DOCKERD, BUSYBOX]) {
    if (!existsSync(file)) return `the lab needs ${file} (apt-get install docker.io busybox-static)`;
  }
  for (const [program, debian] of Object.entries(PROGRAMS)) {
    if (!FOLDERS.some((folder) => existsSync(path.join(folder, program)))) return `the lab needs ${program} (apt-get install ${debian})`;
  }
  try {
    accessSync('/proc/self/ns/cgroup', constants.R_OK);
  } catch {
    return 'the lab needs namespaces';
  }
  if (!existsSync('/sys/fs/cgroup')) return 'the lab needs control groups at /sys/fs/cgroup';
  return undefined;
}
