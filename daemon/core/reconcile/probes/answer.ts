import type { Pod } from '../../../../protocol/types.ts';
import type { ProbeAnswer } from '../../../ports/health.ts';
import type { EventDraft } from '../../decisions.ts';
import { podEvent } from '../back-off-events.ts';
import { withContainer } from '../memory.ts';
import type { PodMemory } from '../memory.ts';
import { nextAt, probeOf, withAnswer } from './probe-state.ts';
import type { ContainerProbes, ProbeKind, ProbeState } from './probe-state.ts';
import type { DueProbe } from './sync.ts';

const TITLES = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;

/** What an answer adds to memory, and the Event it is told by. One about an attempt that is over says nothing. */
export function afterProbe(
  memory: PodMemory,
  pod: Pod,
  { container, kind, attempt }: DueProbe,
  answer: ProbeAnswer,
  at: { asked: number; now: number },
): { memory: PodMemory; events: EventDraft[] } {
  const probes = memory.containers[container.name]?.probes;
  const state = probes?.states[kind];
  const probe = probeOf(container, kind);
  if (probes?.attempt !== attempt || state === undefined || probe === undefined) return { memory, events: [] };
  const says = (reason: string, what: string): EventDraft[] => [
    podEvent(pod, 'Warning', reason, `${TITLES[kind]} probe ${what}: ${answer.output}`, container.name),
  ];
  if (answer.result === 'unknown') {
    const again = put(probes, kind, { ...state, nextAt: nextAt(probe, at.asked, at.now) });
    return {
      memory: withContainer(memory, container.name, { probes: again }),
      events: says('Unhealthy', 'errored and resulted in unknown state'),
    };
  }
  const answered = withAnswer(state, probe, answer.result === 'failure' ? 'failure' : 'success', at.asked, at.now);
  let after = put(probes, kind, answered);
  // What it held back is asked at once.
  if (kind === 'startup' && answered.result === 'success') {
    for (const held of ['liveness', 'readiness'] as const) {
      const before = after.states[held];
      if (before !== undefined) after = put(after, held, { ...before, nextAt: Math.max(before.nextAt, at.now) });
    }
  }
  const events =
    answer.result === 'failure' ? says('Unhealthy', 'failed') : answer.result === 'warning' ? says('ProbeWarning', 'warning') : [];
  return { memory: withContainer(memory, container.name, { probes: after }), events };
}

function put(probes: ContainerProbes, kind: ProbeKind, state: ProbeState): ContainerProbes {
  return { ...probes, states: { ...probes.states, [kind]: state } };
}
