import { accessSync, constants, existsSync } from 'node:fs';
import programs from './programs.json' with { type: 'json' };
import { suppliesMade } from './supplies.ts';

/** Why there can be no lab here, and what would help; undefined when there can. */
export function labAvailable(): string | undefined {
  return machineLacks() ?? (suppliesMade() ? undefined : 'the lab needs its images: "npm run lab -- supplies" makes them');
}

/** As {@link labAvailable}, less what a lab makes itself. */
export function machineLacks(): string | undefined {
  if (process.platform !== 'linux') return 'the lab needs Linux';
  if (process.getuid?.() !== 0) return 'the lab needs root';
  for (const [program, debian] of Object.entries(programs)) {
    if (!existsSync(program)) return `the lab needs ${program} (in Debian's package ${debian})`;
  }
  for (const name of ['cgroup', 'mnt', 'net', 'pid', 'uts']) {
    try {
      accessSync(`/proc/self/ns/${name}`, constants.R_OK);
    } catch {
      return `the lab needs namespaces of the kind "${name}"`;
    }
  }
  if (!existsSync('/sys/fs/cgroup')) return 'the lab needs control groups at /sys/fs/cgroup';
  if (!existsSync('/dev/loop-control')) return 'the lab needs loop devices';
  return undefined;
}
