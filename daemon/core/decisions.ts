import type { Mutation } from '../../protocol/desired.ts';
import type { ObjectKey, StoredObject } from '../../protocol/objects.ts';

/**
 * What a decision asks the world to do. Pure functions return these, with their reasons; the peer's loop carries them out.
 */
export type Decision =
  | { do: 'write'; mutations: Mutation[]; reason: string }
  | { do: 'event'; event: EventDraft }
  /** Look at this object again at monotonic time `at` (ms). */
  | { do: 'wake'; key: ObjectKey; at: number }
  /** Compare all state with this member, unless that was done since then (monotonic ms): more is decided when it is. */
  | { do: 'compare'; peer: string; since: number }
  /** Others' word alone says that this member is dead: ask it, before that is acted on. */
  | { do: 'doubt'; peer: string };

/** An Event to be recorded by this node; repeats of the same (object, reason, message, source) raise its count. */
export interface EventDraft {
  about: StoredObject;
  type: 'Normal' | 'Warning';
  /** Kubernetes' reason, UpperCamelCase. */
  reason: string;
  message: string;
  /** Kubernetes' component name: `kubelet`, `default-scheduler`, `replicaset-controller`, `kith`. */
  component: string;
  fieldPath?: string;
  /** Follows from what several nodes have seen: each of them tells it, under one name. */
  shared?: boolean;
}

/** The moment of a decision. */
export interface Now {
  /** Milliseconds since 1970: for timestamps that people read. */
  wall: number;
  /** Monotonic ms: for durations and timeouts. */
  monotonic: number;
}
