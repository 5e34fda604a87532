import type { HealthChecker, HealthRequest, ProbeAnswer } from '../../daemon/ports/health.ts';

/** Answers as the test says: by default all is well. */
export class SimulatedHealth implements HealthChecker {
  readonly asked: HealthRequest[] = [];
  answer: (request: HealthRequest) => ProbeAnswer = () => ({ result: 'success', output: '' });

  async check(request: HealthRequest, signal: AbortSignal): Promise<ProbeAnswer> {
    signal.throwIfAborted();
    this.asked.push(request);
    return this.answer(request);
  }
}
