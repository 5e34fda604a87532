import { createLab } from '../lab/lab.ts';
import type { Lab } from '../lab/types.ts';
import { projectRoot } from '../lab/record.ts';
import path from 'node:path';

/** Runs `work` on a lab of so many hosts that are switched on, with no daemon yet, and takes it down whatever happens. */
export async function withLab<T>(hosts: number, say: (text: string) => void, work: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = await createLab(hosts, { dist: path.join(projectRoot(), 'dist') });
  const onSignal = (): void => {
    say('interrupted: the lab is taken down');
    void lab.down().finally(() => process.exit(130));
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    await Promise.all(lab.hosts.map(async (host) => host.start({ daemon: false })));
    return await work(lab);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    await lab.down();
  }
}
