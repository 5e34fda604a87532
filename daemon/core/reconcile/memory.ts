import type { PodAction } from './actions.ts';
import type { ContainerProbes } from './probes/probe-state.ts';
import type { PodStatus } from '../../../protocol/types.ts';

/**
 * What the agent remembers of a pod between two looks at it. All of it may be lost with the daemon: what matters is found again in the list of what
 * runs (attempt numbers), in our own last report (start time) and in desired state (outcomes). Immutable; changed by the reducers in observe.ts and outcome.ts.
 */
export interface PodMemory {
  /** RFC 3339: when this node took the pod up. */
  readonly startTime: string;
  /** The same moment in monotonic ms. */
  readonly activeSince: number;
  /** The sandbox was made for the container that is to start next; an engine may call it not running until then. */
  readonly sandboxMade: boolean;
  readonly containers: Readonly<Record<string, ContainerMemory>>;
  /** The last operation on the pod as a whole (sandbox, stop, removal, write) failed. */
  readonly retry?: Retry & { readonly of: PodAction['do'] };
  /** Its volumes are there; `false`: some may be, as making them failed or was given up. Looked at again when the daemon has restarted. */
  readonly volumesReady?: boolean;
  /** The sandbox was made anew under what ran already: attempts of init containers from which on they count. */
  readonly initFrom?: Readonly<Record<string, number>>;
  /** What was last reported: times of conditions that did not change stay as they are. */
  readonly status?: PodStatus;
}

export interface ContainerMemory {
  /** Greatest attempt ever listed, so that its number is not used twice. */
  readonly seen?: number;
  /** How the newest attempt that is known ended. */
  readonly ended?: Ended;
  /** Delay in ms before the next restart; undefined until the first one, which is immediate. */
  readonly crashDelayMs?: number;
  /** The image is there for this attempt. */
  readonly imageReadyFor?: number;
  /** Why it can't be started yet: no image, or the engine refuses the configuration. */
  readonly hold?: Hold;
  /** The attempt whose postStart hook has run. */
  readonly hooked?: number;
  /** Where its probes stand, while it has any. */
  readonly probes?: ContainerProbes;
}

export interface Ended {
  readonly attempt: number;
  /** Monotonic ms when it was noticed: back-offs don't follow jumps of the wall clock. */
  readonly at: number;
  readonly ranMs: number;
  readonly exitCode: number;
  /** It never ran: the runtime could not start it. */
  readonly startError?: string;
  /** Nothing of it is left in the runtime. */
  readonly lost?: boolean;
  /** The back-off after it was told in an Event. */
  readonly told?: boolean;
  /** Milliseconds since 1970 of the same moment, for the status. */
  readonly wallAt: number;
}

export interface Retry {
  readonly failures: number;
  /** Monotonic ms. */
  readonly at: number;
  readonly message: string;
}

export interface Hold extends Retry {
  readonly failedAt: number;
  readonly reason: HoldReason;
  /** No other object can lift it. */
  readonly fixed?: true;
  readonly told?: boolean;
}

export type HoldReason =
  | 'ErrImagePull'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'CreateContainerError'
  | 'CreateContainerConfigError'
  /** It runs at most once, and a majority has not granted it (core/leases). */
  | 'AwaitingMajority';

/** The memory of a container as it is before anything happened. */
export const BLANK_CONTAINER: ContainerMemory = {};

export function withContainer(memory: PodMemory, name: string, change: Partial<ContainerMemory>): PodMemory {
  const container = { ...(memory.containers[name] ?? BLANK_CONTAINER), ...change };
  return { ...memory, containers: { ...memory.containers, [name]: container } };
}
