import { readFile } from 'node:fs/promises';

/** Whether a process of this host belongs to a container, by its control group. */
export async function isOfContainer(pid: number, containerId: string): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')).includes(containerId);
}
