import { list, map, object, quantity, string, time } from '../../schema/build.ts';
import type { Schema } from '../../schema/schema.ts';
import { createdColumn, nameColumn } from '../columns.ts';
import type { KindDefinition } from '../kind.ts';
import { objectMetaSchema } from '../metadata.ts';
import { typeMetaFields } from '../type-meta.ts';

/** What nodes and pods use, as `kubectl top` asks for it: read off what nodes report, and kept nowhere. */

export const METRICS_GROUP = 'metrics.k8s.io';
export const NODE_METRICS = `nodes.${METRICS_GROUP}`;
export const POD_METRICS = `pods.${METRICS_GROUP}`;

const usage = map('cpu and memory.', quantity('How much.'));
const shared = { timestamp: time('The end of the time that was looked at, …'), window: string('… and its length.') };

function metrics(
  kind: string,
  plural: string,
  namespaced: boolean,
  description: string,
  fields: Readonly<Record<string, Schema>>,
): KindDefinition {
  return {
    group: METRICS_GROUP,
    version: 'v1beta1',
    kind,
    plural,
    singular: '',
    shortNames: [],
    namespaced,
    categories: [],
    verbs: ['get', 'list'],
    subresources: [],
    schema: object(kind, description, { ...typeMetaFields, metadata: objectMetaSchema, ...shared, ...fields }),
    mergeUnits: { members: [] },
    columns: [nameColumn, createdColumn],
  };
}

const container = object('ContainerMetrics', 'A container.', { name: string('Its name.'), usage });

export const metricsKinds: readonly KindDefinition[] = [
  metrics('NodeMetrics', 'nodes', false, 'What a node uses.', { usage }),
  metrics('PodMetrics', 'pods', true, 'What a pod uses.', { containers: list('Its containers.', container) }),
];
