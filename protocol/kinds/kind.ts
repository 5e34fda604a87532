import type { DraftObject, GroupResource, KubeObject, StoredObject } from '../objects.ts';
import type { Schema } from '../schema/schema.ts';

/**
 * Everything Kith knows of one kind. Adding a kind is adding one file that exports such a definition and one line in `registry.ts`.
 */
export interface KindDefinition {
  /** Empty for the core group. */
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  namespaced: boolean;
  /** `all` puts it into `kubectl get all`. */
  categories: readonly string[];
  verbs: readonly Verb[];
  /** `status`, `scale`, `log`, ... */
  subresources: readonly string[];
  /** Kith's own bookkeeping: shown by the API, written by the daemon only. */
  internal?: boolean;
  /** Other apiVersions that are taken on input, turned into the stored one, with a warning. */
  aliases?: readonly KindAlias[];
  schema: Schema;
  mergeUnits: MergeUnits;
  /** Fills in Kubernetes' defaults that depend on more than one field (the schema holds the others). Changes the draft in place. */
  fillDefaults?(draft: DraftObject): void;
  /** What the schema can't say. Wording and paths are Kubernetes' own. */
  validate?(object: DraftObject): FieldError[];
  /** Fields that may not change, and other rules between two versions. */
  validateUpdate?(before: StoredObject, after: DraftObject): FieldError[];
  /** The rule for names; Kubernetes' DNS subdomain unless given. Answers with messages. */
  checkName?: (name: string) => string[];
  /** What an object asks for that Kith does not do, beyond what the schema's `support` says. Warnings begin with the field. */
  findUnsupported?(object: DraftObject): { warnings: string[]; refused: FieldError[] };
  /** A copy of the object that may be shown: without secrets. */
  redact?(object: KubeObject): KubeObject;
  columns: readonly TableColumn[];
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export interface KindAlias {
  apiVersion: string;
  warning: string;
  /** Turns a draft in the old version into the stored one, before it is decoded: nothing about its types is known yet. Answers with what it dropped. */
  convert(draft: DraftObject): string[];
}

/**
 * How a kind's document is cut into values that merge on their own. Paths are JSON pointers. Of a field that is named nowhere, the whole value is one unit.
 * Metadata is the same for all kinds and not listed here.
 */
export interface MergeUnits {
  /** Objects each of whose members is one unit: `/spec` of a Deployment, `/data` of a ConfigMap. */
  members: readonly string[];
}

export interface FieldError {
  /** `spec.containers[0].image` */
  field: string;
  /** Kubernetes' cause reasons. */
  reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueTooLong'
    | 'FieldValueTypeInvalid';
  /** `Invalid value: "x": must be ...`, without the field. */
  message: string;
}

export interface TableColumn {
  name: string;
  type: 'string' | 'integer' | 'boolean' | 'date';
  /** `name` on the Name column. */
  format?: string;
  description: string;
  /** 0 is always shown, 1 with `-o wide` only. */
  priority: 0 | 1;
  /** `now` is ms since 1970, for ages. */
  cell(object: KubeObject, now: number): string | number | boolean;
}

export function groupResourceOf(kind: Pick<KindDefinition, 'group' | 'plural'>): GroupResource {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}

export function apiVersionOf(kind: Pick<KindDefinition, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}
