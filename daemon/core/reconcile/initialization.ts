import type { ContainerStanding } from './standing.ts';
import { isSidecar } from './containers.ts';
import type { PodMemory } from './memory.ts';

/** The containers of a pod: those that run before the others in their order, the others, and those that were added. */
export interface Standings {
  readonly init: readonly ContainerStanding[];
  readonly main: readonly ContainerStanding[];
  readonly added: readonly ContainerStanding[];
}

/** Whether the others were started once since the sandbox was made: then nothing runs before them any more but sidecars. */
export function isInitialized({ main }: Standings, memory: PodMemory): boolean {
  return memory.initFrom === undefined && main.some(({ container }) => memory.containers[container.name]?.seen !== undefined);
}

/** One that runs before, done: it has succeeded. Of a sidecar: it is started. */
export function isPassed({ container, phase, ended, health }: ContainerStanding): boolean {
  return isSidecar(container) ? phase === 'running' && health.started : phase === 'done' && ended?.exitCode === 0;
}

/** One that runs before has failed, and nothing of the pod is restarted. */
export function hasFailedInit({ init }: Standings): boolean {
  return init.some(({ container, phase, ended }) => !isSidecar(container) && phase === 'done' && ended?.exitCode !== 0);
}

/** Which container is to start next: those that run before one after the other, each when the one before it is done; then all others. What was added waits for none of them. */
export function nextToStart(standings: Standings, memory: PodMemory): ContainerStanding | undefined {
  return nextOwnToStart(standings, memory) ?? standings.added.find(({ phase }) => phase === 'start');
}

function nextOwnToStart(standings: Standings, memory: PodMemory): ContainerStanding | undefined {
  const initialized = isInitialized(standings, memory);
  for (const standing of standings.init) {
    const waits = standing.phase === 'start' ? standing : undefined;
    if (isSidecar(standing.container)) {
      if (waits !== undefined) return waits;
      if (!initialized && !isPassed(standing)) return undefined;
    } else if (!initialized && !isPassed(standing)) return waits;
  }
  return standings.main.find(({ phase }) => phase === 'start');
}
