import type { Mutation } from '../../protocol/desired.ts';
import type { DesiredObject, GroupResource, KubeObject, ObjectKey } from '../../protocol/objects.ts';

/**
 * Objects as the API shows them: desired state joined with observed and derived status, each with this peer's resourceVersion. Never dropped, repeated or
 * reordered in a watch.
 */
export interface ObjectSource {
  get(key: ObjectKey): KubeObject | undefined;
  /** `namespace` undefined means all. */
  list(resource: GroupResource, namespace?: string): { items: readonly KubeObject[]; resourceVersion: string };
  /**
   * Changes after `resourceVersion`, in order, without loss.
   * @throws KithError `Expired` when the version is not this peer's, or too old. A watcher that reads too slowly ends with `Expired`, too.
   */
  watch(resource: GroupResource, resourceVersion: string, signal: AbortSignal): AsyncIterable<ObjectEvent>;
  /** The newest version given out. */
  resourceVersion(): string;
}

export interface ObjectEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
  /** The object before, for selectors that stop to match. */
  before: KubeObject | undefined;
}

/** Writes to desired state as the API makes them: acknowledged, with what is to be warned of. */
export interface DesiredWriter {
  read(key: ObjectKey): DesiredObject | undefined;
  buriedLife(key: ObjectKey): number;
  /**
   * Resolves when the batch is fsynced here and at one other member; with `warnings` when it could not be had (nobody alive: at once; nobody answers: after 2 s).
   * The object source shows the result by then.
   * @throws what Replica.write throws
   */
  write(mutations: readonly Mutation[]): Promise<{ objects: DesiredObject[]; warnings: string[] }>;
}
