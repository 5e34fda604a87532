import type { Container, Pod } from '../../../protocol/types.ts';
import { handlerRequest } from '../../core/reconcile/probes/handler.ts';
import { probeOf, timeoutMs } from '../../core/reconcile/probes/probe-state.ts';
import type { DueProbe } from '../../core/reconcile/probes/sync.ts';
import type { Clock } from '../../ports/clock.ts';
import type { HealthChecker, ProbeAnswer } from '../../ports/health.ts';
import type { ContainerRuntime } from '../../ports/runtime.ts';
import { bounded, Turnstile } from './bounded.ts';
import { failure } from './failure.ts';
import { AGENT_LIMITS as LIMITS } from './limits.ts';

export interface ProbeRunnerDeps {
  runtime: ContainerRuntime;
  health: HealthChecker;
  clock: Clock;
}

/** Carries out probes that are due: each once at a time, and so many in all. Never throws. */
export class ProbeRunner {
  readonly #deps: ProbeRunnerDeps;
  readonly #turnstile = new Turnstile(LIMITS.probesAtOnce);
  /** `UID/CONTAINER/KIND` of what is being asked, for the others to be left alone. */
  readonly #asked = new Set<string>();

  constructor(deps: ProbeRunnerDeps) {
    this.#deps = deps;
  }

  /** Nothing if it is being asked already. `asked`: monotonic ms when its turn came. */
  ask(pod: Pod, podIP: string, due: DueProbe, signal: AbortSignal): Promise<{ answer: ProbeAnswer; asked: number }> | undefined {
    const key = `${pod.metadata.uid}/${due.container.name}/${due.kind}`;
    if (this.#asked.has(key)) return undefined;
    this.#asked.add(key);
    return this.#ask(pod, podIP, due, signal).finally(() => this.#asked.delete(key));
  }

  async #ask(pod: Pod, podIP: string, { container, kind }: DueProbe, signal: AbortSignal): Promise<{ answer: ProbeAnswer; asked: number }> {
    let asked = this.#deps.clock.monotonic();
    try {
      const answer = await this.#turnstile.run(signal, async () => {
        asked = this.#deps.clock.monotonic();
        return this.#once(pod, podIP, container, kind, signal);
      });
      return { answer, asked };
    } catch (error) {
      return { answer: { result: 'unknown', output: failure(error).message }, asked };
    }
  }

  async #once(pod: Pod, podIP: string, container: Container, kind: DueProbe['kind'], signal: AbortSignal): Promise<ProbeAnswer> {
    const { health, clock } = this.#deps;
    const probe = probeOf(container, kind) ?? {};
    const ms = timeoutMs(probe);
    const request = handlerRequest(probe, container, podIP, ms);
    if (typeof request === 'string') return { result: 'unknown', output: request };
    if (request.do === 'exec') return execAnswer(this.#deps, pod.metadata.uid, container.name, request.command, ms, signal);
    if (request.do === 'sleep') return { result: 'success', output: '' };
    return bounded(clock, 'a probe', ms + LIMITS.probeMarginMs, signal, (inner) => health.check(request, inner));
  }
}

/** Exit code 0 is success; the end of what it said tells why it is none. */
export async function execAnswer(
  { runtime, clock }: { runtime: ContainerRuntime; clock: Clock },
  podUid: string,
  container: string,
  command: string[],
  ms: number,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const abort = new AbortController();
  const end = (): void => abort.abort();
  signal.addEventListener('abort', end, { once: true });
  try {
    const work = async (): Promise<ProbeAnswer> => {
      const streams = await runtime.exec({ podUid, container, command, tty: false, stdin: false }, abort.signal);
      let output = '';
      for await (const { bytes } of streams.output) {
        if (output.length < LIMITS.probeOutputBytes) output += Buffer.from(bytes).toString('utf8');
      }
      const code = await streams.exitCode();
      return { result: code === 0 ? 'success' : 'failure', output: output.slice(0, LIMITS.probeOutputBytes) };
    };
    return await bounded(clock, 'a command', ms, signal, work);
  } catch (error) {
    const { code } = failure(error);
    if (code !== 'Timeout') throw error;
    return { result: 'failure', output: `command timed out: ${JSON.stringify(command.join(' '))} timed out after ${ms / 1000}s` };
  } finally {
    signal.removeEventListener('abort', end);
    // What still runs of it is ended.
    abort.abort();
  }
}
