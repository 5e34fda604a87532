import type { ReplicaChange } from '../../../protocol/desired.ts';
import type { Log } from '../../ports/log.ts';

/** Of objects that are still there. What goes with a deletion is an Event alone, at all who held it. */
export function logLosses(log: Log, changes: readonly ReplicaChange[]): void {
  for (const { key, after, lost } of changes) {
    if (after === undefined || lost === undefined) continue;
    log.warn('What was held of an object was too old to merge: it was taken as the other members have it', {
      key,
      paths: lost.map(({ path }) => path),
    });
  }
}
