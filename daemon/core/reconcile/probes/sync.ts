import type { Container, ContainerStatus } from '../../../../protocol/types.ts';
import type { RuntimeContainer } from '../../../ports/runtime.ts';
import type { Now } from '../../decisions.ts';
import { awaitsHook } from '../hooks.ts';
import { BLANK_CONTAINER, withContainer } from '../memory.ts';
import type { PodMemory } from '../memory.ts';
import { reportedStatuses } from '../reported.ts';
import { isAsked, periodMs, probeOf, PROBE_KINDS } from './probe-state.ts';
import type { ContainerProbes, ProbeKind, ProbeState } from './probe-state.ts';

/** A probe that is due. */
export interface DueProbe {
  readonly container: Container;
  readonly kind: ProbeKind;
  readonly attempt: number;
}

/** Begins the probes of attempts that run since the last look. `status` of memory is what was said last: an attempt that it calls ready stays so until a probe says otherwise. */
export function syncProbes(
  before: PodMemory,
  uid: string,
  containers: readonly Container[],
  listed: readonly RuntimeContainer[],
  now: Now,
): PodMemory {
  let memory = before;
  for (const container of containers) {
    if (PROBE_KINDS.every((kind) => probeOf(container, kind) === undefined)) continue;
    const running = listed.find(({ name, state }) => name === container.name && state === 'running');
    const known = memory.containers[container.name] ?? BLANK_CONTAINER;
    if (running === undefined || known.probes?.attempt === running.attempt || awaitsHook(container, known, running.attempt)) continue;
    const said = reportedStatuses(before.status).find(({ name }) => name === container.name);
    const probes = beginProbes(uid, container, running, said?.containerID === running.id ? said : undefined, now);
    memory = withContainer(memory, container.name, { probes });
  }
  return memory;
}

/** @param said what an earlier run of the daemon said of the same attempt */
function beginProbes(
  uid: string,
  container: Container,
  running: RuntimeContainer,
  said: ContainerStatus | undefined,
  now: Now,
): ContainerProbes {
  const ageMs = Math.max(0, now.wall - (running.startedAt ?? now.wall));
  const states: Partial<Record<ProbeKind, ProbeState>> = {};
  for (const kind of PROBE_KINDS) {
    const probe = probeOf(container, kind);
    if (probe === undefined) continue;
    const firstAt = Math.max(now.monotonic, now.monotonic - ageMs + (probe.initialDelaySeconds ?? 0) * 1000);
    const succeeded = kind === 'startup' ? said?.started === true : kind === 'readiness' && said?.ready === true;
    // A daemon that finds many containers after its start does not ask them all at once.
    const spread = said === undefined ? 0 : part(`${uid}/${container.name}/${kind}`) * periodMs(probe);
    states[kind] = { ...(succeeded ? { result: 'success' } : {}), run: 0, nextAt: firstAt + spread };
  }
  return { attempt: running.attempt, states };
}

/** A number from 0 to 1 that follows from a text: FNV-1a. */
function part(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}

/** Which probes are due of what runs, and when (monotonic ms) the next one is. */
export function dueProbes(
  memory: PodMemory,
  containers: readonly Container[],
  listed: readonly RuntimeContainer[],
  now: number,
): { due: DueProbe[]; nextAt: number } {
  const due: DueProbe[] = [];
  let nextAt = Infinity;
  for (const container of containers) {
    const probes = memory.containers[container.name]?.probes;
    const isRunning = listed.some(
      ({ name, attempt, state }) => name === container.name && attempt === probes?.attempt && state === 'running',
    );
    if (probes === undefined || !isRunning) continue;
    for (const kind of PROBE_KINDS) {
      if (!isAsked(container, probes, kind)) continue;
      const at = probes.states[kind]?.nextAt ?? Infinity;
      if (at <= now) due.push({ container, kind, attempt: probes.attempt });
      else nextAt = Math.min(nextAt, at);
    }
  }
  return { due, nextAt };
}
