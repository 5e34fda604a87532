import { apiVersionOf, inVersion, type KindDefinition } from '../../protocol/kinds/kind.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Representation } from './accept.ts';
import { jsonText } from '../core/json-text.ts';
import { ApiError } from './status.ts';

interface ListMetadata {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

/** What is asked of a kind to show its objects. */
export type ShownKind = Pick<KindDefinition, 'group' | 'version' | 'kind' | 'columns' | 'redact' | 'storedAs'>;

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** @throws ApiError `BadRequest` */
export function includeObjectParameter(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') ?? '';
  if (value === '') return 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw new ApiError('BadRequest', `includeObject: Unsupported value: "${value}": supported values: "None", "Metadata", "Object"`);
}

/** Makes bodies of one representation: objects, lists and the objects of watch events. */
export class Renderer {
  private readonly kind: ShownKind;
  private readonly representation: Representation;
  private readonly includeObject: IncludeObject;
  private readonly nowMs: () => number;
  /** In a watch, columns go with the first event only. */
  private columnsSent = false;

  constructor(kind: ShownKind, representation: Representation, includeObject: IncludeObject, nowMs: () => number) {
    this.kind = kind;
    this.representation = representation;
    this.includeObject = includeObject;
    this.nowMs = nowMs;
  }

  object(given: KubeObject): object {
    const object = this.shown(given);
    switch (this.representation.as) {
      case 'Table':
        return this.table([object], { resourceVersion: object.metadata.resourceVersion }, true);
      case 'PartialObjectMetadata':
      case 'PartialObjectMetadataList':
        return partial(object, this.representation.apiVersion);
      default:
        return object;
    }
  }

  /** As JSON. */
  listText(items: readonly KubeObject[], metadata: ListMetadata): string {
    switch (this.representation.as) {
      case 'Table':
        return JSON.stringify(this.table(items, metadata, true));
      case 'PartialObjectMetadata':
      case 'PartialObjectMetadataList': {
        const { apiVersion } = this.representation;
        const parts = items.map((item) => partial(item, apiVersion));
        return JSON.stringify({ kind: 'PartialObjectMetadataList', apiVersion, metadata, items: parts });
      }
      default: {
        const head = JSON.stringify({ kind: `${this.kind.kind}List`, apiVersion: apiVersionOf(this.kind), metadata });
        return `${head.slice(0, -1)},"items":[${items.map((item) => jsonText(this.shown(item))).join(',')}]}`;
      }
    }
  }

  /** The object of a watch event, as JSON. */
  eventText(object: KubeObject): string {
    if (this.representation.as === 'object') return jsonText(this.shown(object));
    if (this.representation.as !== 'Table') return JSON.stringify(this.object(object));
    const table = this.table([object], { resourceVersion: object.metadata.resourceVersion }, !this.columnsSent);
    this.columnsSent = true;
    return JSON.stringify(table);
  }

  bookmark(resourceVersion: string, annotations?: Record<string, string>): object {
    const metadata = { resourceVersion, creationTimestamp: null, ...(annotations === undefined ? {} : { annotations }) };
    if (this.representation.as === 'Table') return this.table([], metadata, false);
    if (this.representation.as === 'object') return { kind: this.kind.kind, apiVersion: apiVersionOf(this.kind), metadata };
    return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
  }

  private shown(given: KubeObject): KubeObject {
    const object = inVersion(this.kind, given);
    return this.kind.redact?.(object) ?? object;
  }

  private table(items: readonly KubeObject[], metadata: object, columns: boolean): object {
    const now = this.nowMs();
    const apiVersion = this.representation.as === 'Table' ? this.representation.apiVersion : 'meta.k8s.io/v1';
    return {
      kind: 'Table',
      apiVersion,
      metadata,
      columnDefinitions: columns ? this.kind.columns.map(columnDefinition) : null,
      rows: items.map((item) => ({
        cells: this.kind.columns.map((column) => column.cell(item, now)),
        object: this.rowObject(item, apiVersion),
      })),
    };
  }

  private rowObject(object: KubeObject, apiVersion: string): object | undefined {
    if (this.includeObject === 'None') return undefined;
    return this.includeObject === 'Object' ? this.shown(object) : partial(object, apiVersion);
  }
}

function columnDefinition({ name, type, format, description, priority }: KindDefinition['columns'][number]): object {
  return { name, type, format: format ?? '', description, priority };
}

function partial(object: KubeObject, apiVersion: string): object {
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata };
}
