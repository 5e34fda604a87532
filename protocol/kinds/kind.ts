import type { DraftObject, GroupResource, KubeObject, StoredObject } from '../objects.ts';
import type { Decoded } from '../schema/decode.ts';
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
  /** PUT of a name that is not there creates it, as upstream allows for some kinds. */
  createOnUpdate?: boolean;
  /** Of a further version of a kind: the version that is stored, and the ways there and back. Defaults and rules of both hold on the way in. */
  storedAs?: { kind: KindDefinition; to(draft: DraftObject): DraftObject; from(object: KubeObject): KubeObject };
  /** Of a further version: where the stored one has the fields that can be selected by; others are at the same place. */
  storedPaths?: Readonly<Record<string, string>>;
  /** What does not happen yet with objects of this kind: a clause. A write warns of it. */
  noEffect?: string;
  /** Clients write the status, and it is merged like a spec: nobody derives it. Else a status that a client sends is dropped. */
  storesStatus?: boolean;
  /** Top-level fields whose values nothing may show but the object itself: no Event, log, description or list of conflicts. */
  secret?: readonly string[];
  /** Name of the CustomResourceDefinition that it comes from. */
  definition?: string;
  /** Instead of the schema's own reading of types and unknown fields, defaults and rules: for kinds with a schema of another sort. */
  decode?(draft: unknown): Decoded;
  /** Dotted paths of what the scale subresource shows; as in a Deployment unless given. The selector is text there. */
  scalePaths?: { spec: string; status: string; selector: string };
  /** A question that is answered and kept nowhere. */
  isReview?: boolean;
  /** Kith's own bookkeeping: shown by the API, written by the daemon only. */
  internal?: boolean;
  /** Other apiVersions that are taken on input, turned into the stored one, with a warning. */
  aliases?: readonly KindAlias[];
  schema: Schema;
  mergeUnits: MergeUnits;
  /** Fills in Kubernetes' defaults that depend on more than one field (the schema holds the others). Changes the draft in place. */
  fillDefaults?(draft: DraftObject): void;
  /** What the server keeps of the version before when a client leaves it out: addresses it gave, for example. Changes the draft in place. */
  carryOver?(before: StoredObject, draft: DraftObject): void;
  /** What the schema can't say. Wording and paths are Kubernetes' own. */
  validate?(object: DraftObject): FieldError[];
  /** What no new object may have. */
  validateCreate?(object: DraftObject): FieldError[];
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
 * Metadata is the same for all kinds and not listed here. `/*` stands for every top-level object.
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
    | 'FieldValueNotFound'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
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

/** The object as this version of its kind has it. */
export function inVersion(kind: Pick<KindDefinition, 'group' | 'version' | 'storedAs'>, object: KubeObject): KubeObject {
  return kind.storedAs === undefined || object.apiVersion === apiVersionOf(kind) ? object : kind.storedAs.from(object);
}

/** Of what is stored: of a further version of it, too. */
export function groupResourceOf({ storedAs, ...given }: Pick<KindDefinition, 'group' | 'plural' | 'storedAs'>): GroupResource {
  const kind = storedAs?.kind ?? given;
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}

export function apiVersionOf(kind: Pick<KindDefinition, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}
