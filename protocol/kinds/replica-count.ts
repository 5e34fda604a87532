import type { KubeObject } from '../objects.ts';
import { integer } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';
import { integerColumn } from './columns.ts';
import type { TableColumn } from './kind.ts';

/** What everything that keeps a number of pods has in common. */

export const replicasField: Schema = integer('How many pods there are to be.', { default: 1, minimum: 0 });
export const minReadySecondsField: Schema = integer('Seconds that a pod must be ready before it counts as available.', { minimum: 0 });

interface Counted {
  spec?: { replicas?: number };
  status?: { replicas?: number; readyReplicas?: number };
}

export const replicaCountColumns: readonly TableColumn[] = [
  integerColumn('Desired', 'Pods that are wanted.', (object: KubeObject) => (object as Counted).spec?.replicas ?? 0),
  integerColumn('Current', 'Pods that there are.', (object: KubeObject) => (object as Counted).status?.replicas ?? 0),
  integerColumn('Ready', 'Pods that are ready.', (object: KubeObject) => (object as Counted).status?.readyReplicas ?? 0),
];
