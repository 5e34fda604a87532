import type { Lab, LabHost } from './types.ts';

/** Ends whatever is left, and starts what does not run of these hosts. */
export async function recover(lab: Lab, hosts: readonly LabHost[]): Promise<void> {
  await lab.heal();
  await Promise.all(
    hosts.map(async (host) => {
      if (!host.isOn) return host.start();
      if (!host.engineRuns) await host.startEngine();
      await host.startDaemon();
    }),
  );
}
