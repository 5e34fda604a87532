import { formatTime } from '../../../protocol/values/time.ts';
import type { ContainerState, ContainerStatus } from '../../../protocol/types.ts';
import type { RuntimeContainer } from '../../ports/runtime.ts';
import { LOST_EXIT_CODE } from './observe.ts';
import type { ContainerStanding } from './standing.ts';

/** Exit code of a container that could not be started, as containerd-based kubelets give it. */
export const START_ERROR_EXIT_CODE = 128;

/**
 * One container's status as kubelet words it.
 * @param idle why one waits that nothing else is to be said of
 * @param runsOnce it is ready once it has succeeded
 */
export function containerStatus(standing: ContainerStanding, idle = 'ContainerCreating', runsOnce = false): ContainerStatus {
  const { container, latest, previous, ended } = standing;
  const state = stateOf(standing, idle);
  const running = standing.phase === 'running';
  const ready = runsOnce ? state.terminated?.exitCode === 0 : running && standing.health.ready;
  const past = state.waiting !== undefined ? (endedState(standing) ?? {}) : previousState(previous);
  return {
    name: container.name,
    state,
    lastState: past,
    ready,
    restartCount: Math.max(latest?.attempt ?? 0, ended?.attempt ?? 0),
    image: latest?.image ?? container.image ?? '',
    imageID: latest?.imageId ?? '',
    ...(latest !== undefined && latest.id !== '' ? { containerID: latest.id } : {}),
    started: running && standing.health.started,
  };
}

function stateOf(standing: ContainerStanding, idle: string): ContainerState {
  const { latest, ended, waiting } = standing;
  if (standing.hook === true) return { waiting: { reason: idle } };
  if (standing.phase === 'running') return { running: { startedAt: formatTime(latest?.startedAt ?? 0) } };
  if (waiting !== undefined) return { waiting };
  if (ended !== undefined) return endedState(standing) ?? {};
  return { waiting: { reason: idle } };
}

/** How the newest attempt ended. */
function endedState({ latest, ended, previous }: ContainerStanding): ContainerState | undefined {
  if (ended === undefined) return previousState(previous);
  const at = formatTime(ended.wallAt);
  if (ended.startError !== undefined) {
    const terminated = { exitCode: ended.exitCode, reason: 'StartError', message: ended.startError, finishedAt: at };
    return { terminated: { ...terminated, startedAt: formatTime(0) } };
  }
  if (latest?.attempt === ended.attempt) return terminatedState(latest, ended.exitCode);
  const message = 'The container could not be located when the pod was looked at: its runtime has forgotten it';
  return { terminated: { exitCode: ended.exitCode, reason: 'ContainerStatusUnknown', message, finishedAt: at, startedAt: formatTime(0) } };
}

function previousState(previous: RuntimeContainer | undefined): ContainerState {
  return previous === undefined || previous.state !== 'exited' ? {} : terminatedState(previous, previous.exitCode ?? LOST_EXIT_CODE);
}

function terminatedState(container: RuntimeContainer, exitCode: number): ContainerState {
  const reason = container.outOfMemory === true ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error';
  return {
    terminated: {
      exitCode,
      ...(container.signal === undefined ? {} : { signal: container.signal }),
      reason,
      ...(container.terminationMessage === undefined ? {} : { message: container.terminationMessage }),
      startedAt: formatTime(container.startedAt ?? 0),
      finishedAt: formatTime(container.finishedAt ?? 0),
      containerID: container.id,
    },
  };
}
