import { KithError } from '../../protocol/errors.ts';
import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import { type FieldSelector, matchesFieldSelector, parseFieldSelector } from '../../protocol/values/field-selector.ts';
import { matchesSelector, parseSelector, type Selector } from '../../protocol/values/label-selector.ts';
import type { ResourceCall } from './deps.ts';
import { ApiError } from './status.ts';

/** Fields that can be selected by, besides a name and a namespace, per kind: Kubernetes' own lists. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  Pod: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  Node: ['spec.unschedulable'],
  Namespace: ['status.phase'],
  ReplicationController: ['status.replicas'],
  ReplicaSet: ['status.replicas'],
  Secret: ['type'],
  Service: ['spec.clusterIP', 'spec.type'],
  Job: ['status.successful'],
  Event: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
};

/** Upstream's labels of fields that are called otherwise in objects. */
const OTHER_PATHS: Readonly<Record<string, string>> = { source: 'source.component', 'status.successful': 'status.succeeded' };

/** What a field that is not there counts as. */
const UNSET: Readonly<Record<string, string>> = {
  'spec.unschedulable': 'false',
  'spec.hostNetwork': 'false',
  'status.successful': '0',
  'status.replicas': '0',
};

/** Which objects a list or a watch is about. */
export class Selection {
  private readonly namespace: string | undefined;
  private readonly labels: Selector;
  private readonly fields: FieldSelector;

  /** @throws ApiError `BadRequest` for selectors that can't be understood, and fields that can't be selected by */
  constructor(call: Pick<ResourceCall, 'kind' | 'namespace' | 'name'>, query: URLSearchParams) {
    this.namespace = call.namespace;
    try {
      this.labels = parseSelector(query.get('labelSelector') ?? '');
      this.fields = parseFieldSelector(query.get('fieldSelector') ?? '');
    } catch (error) {
      if (error instanceof KithError) throw new ApiError('BadRequest', error.message, undefined, { cause: error });
      throw error;
    }
    this.fields = this.fields.map((field) => ({ ...field, path: call.kind.storedPaths?.[field.path] ?? field.path }));
    for (const { path } of this.fields) {
      if (!selectable(call.kind, path)) throw new ApiError('BadRequest', `field label not supported: ${path}`);
    }
  }

  matches(object: KubeObject): boolean {
    const { metadata } = object;
    if (this.namespace !== undefined && metadata.namespace !== this.namespace) return false;
    return matchesSelector(this.labels, metadata.labels) && matchesFieldSelector(this.fields, (path) => fieldText(object, path));
  }
}

function selectable(kind: KindDefinition, path: string): boolean {
  if (path === 'metadata.name' || path === 'metadata.namespace') return true;
  return FIELDS[kind.kind]?.includes(path) === true;
}

function fieldText(object: KubeObject, path: string): string {
  let value: unknown = object;
  for (const step of (OTHER_PATHS[path] ?? path).split('.'))
    value = value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[step] : undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return UNSET[path] ?? '';
}
