/**
 * Where a container's probes stand. Source of the rules: pkg/kubelet/prober/worker.go. Nothing here asks anybody: it says what is to be asked when, and what an
 * answer means.
 */
import type { Container } from '../../../../protocol/types.ts';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';
export type Probe = NonNullable<Container['livenessProbe']>;

/** Of one attempt: a new one begins anew. */
export interface ContainerProbes {
  readonly attempt: number;
  readonly states: Readonly<Partial<Record<ProbeKind, ProbeState>>>;
}

export interface ProbeState {
  /** What counts: as many in a row as the thresholds ask for. Undefined until then. */
  readonly result?: 'success' | 'failure';
  /** The last answer, and how many like it came in a row. */
  readonly last?: 'success' | 'failure';
  readonly run: number;
  /** Monotonic ms of the next probe. */
  readonly nextAt: number;
}

/** How a container's probes find it. One without probes is started and ready as soon as it runs. */
export interface Health {
  readonly started: boolean;
  readonly ready: boolean;
  /** It is to be ended: this probe failed as often as it may. */
  readonly failed?: 'startup' | 'liveness';
}

export const PROBE_KINDS: readonly ProbeKind[] = ['startup', 'liveness', 'readiness'];
/** Kubernetes' defaults. */
const PERIOD_SECONDS = 10;
const TIMEOUT_SECONDS = 1;
const FAILURE_THRESHOLD = 3;
const SUCCESS_THRESHOLD = 1;

export function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  if (kind === 'startup') return container.startupProbe;
  return kind === 'liveness' ? container.livenessProbe : container.readinessProbe;
}

export function periodMs(probe: Probe): number {
  return Math.max(1, probe.periodSeconds ?? PERIOD_SECONDS) * 1000;
}

export function timeoutMs(probe: Probe): number {
  return Math.max(1, probe.timeoutSeconds ?? TIMEOUT_SECONDS) * 1000;
}

export function healthOf(container: Container, probes: ContainerProbes | undefined): Health {
  const result = (kind: ProbeKind): ProbeState['result'] => probes?.states[kind]?.result;
  const started = container.startupProbe === undefined || result('startup') === 'success';
  const ready = started && (container.readinessProbe === undefined || result('readiness') === 'success');
  if (result('startup') === 'failure') return { started, ready: false, failed: 'startup' };
  return result('liveness') === 'failure' ? { started, ready, failed: 'liveness' } : { started, ready };
}

/** Whether the kind is asked now: a startup probe holds the others back, and what has failed for good waits for the next attempt. */
export function isAsked(container: Container, probes: ContainerProbes, kind: ProbeKind): boolean {
  const state = probes.states[kind];
  if (state === undefined || healthOf(container, probes).failed !== undefined) return false;
  const isStarted = container.startupProbe === undefined || probes.states.startup?.result === 'success';
  return (kind === 'startup') !== isStarted;
}

/** What one more answer adds. `now` and `askedAt` in monotonic ms. */
export function withAnswer(state: ProbeState, probe: Probe, answer: 'success' | 'failure', askedAt: number, now: number): ProbeState {
  const run = state.last === answer ? state.run + 1 : 1;
  const needed = answer === 'success' ? (probe.successThreshold ?? SUCCESS_THRESHOLD) : (probe.failureThreshold ?? FAILURE_THRESHOLD);
  const result = run >= Math.max(1, needed) ? answer : state.result;
  return { ...(result === undefined ? {} : { result }), last: answer, run, nextAt: nextAt(probe, askedAt, now) };
}

/** Every period, counted from when it was asked last; one that took longer is not made up for. */
export function nextAt(probe: Probe, askedAt: number, now: number): number {
  const period = periodMs(probe);
  return askedAt + period * Math.max(1, Math.ceil((now - askedAt) / period));
}
