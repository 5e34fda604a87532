import { any, object } from '../../schema/build.ts';
import { invalid } from '../../schema/field-errors.ts';
import type { Schema } from '../../schema/schema.ts';
import { checkDnsSubdomain } from '../../values/names.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import type { KindDefinition, TableColumn, Verb } from '../kind.ts';
import { objectMetaSchema } from '../metadata.ts';
import { typeMetaFields } from '../type-meta.ts';

export const ALL_VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** What is written down of a kind that is kept, merged and shown like any other; the rest is the same for all of them. */
export interface StoredKind extends Partial<
  Pick<
    KindDefinition,
    | 'shortNames'
    | 'namespaced'
    | 'categories'
    | 'noEffect'
    | 'storesStatus'
    | 'secret'
    | 'fillDefaults'
    | 'carryOver'
    | 'validate'
    | 'validateCreate'
    | 'validateUpdate'
    | 'checkName'
    | 'aliases'
    | 'findUnsupported'
  >
> {
  group: string;
  version?: string;
  kind: string;
  plural: string;
  description: string;
  /** Its fields besides apiVersion, kind, metadata and status. */
  fields: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  /** What its status says, for kinds that have one: then it is a subresource. */
  status?: string;
  /** Subresources besides the status. */
  subresources?: readonly string[];
  /** Objects that merge member by member: the spec unless given. */
  units?: readonly string[];
  /** Between name and age. */
  columns?: readonly TableColumn[];
  /** After the age. */
  lastColumns?: readonly TableColumn[];
  /** Instead of name, columns, age and wide columns. */
  allColumns?: readonly TableColumn[];
}

export function storedKind(given: StoredKind): KindDefinition {
  const {
    description,
    fields,
    required,
    status,
    subresources = [],
    units = ['/spec'],
    columns = [],
    lastColumns = [],
    allColumns,
    ...kind
  } = given;
  return {
    version: 'v1',
    namespaced: true,
    shortNames: [],
    categories: [],
    ...kind,
    singular: kind.kind.toLowerCase(),
    verbs: ALL_VERBS,
    subresources: [...(status === undefined ? [] : ['status']), ...subresources],
    schema: object(
      kind.kind,
      description,
      { ...typeMetaFields, metadata: objectMetaSchema, ...fields, ...(status === undefined ? {} : { status: any(status) }) },
      required === undefined ? {} : { required },
    ),
    ...withSpecOnly(kind, required?.includes('spec') === true),
    mergeUnits: { members: kind.storesStatus === true ? [...units, '/status'] : units },
    columns: allColumns ?? [nameColumn, ...columns, ageColumn, ...lastColumns],
  };
}

/** Defaults and rules that read a spec are for objects that have one; that it is missing is said by the schema. */
function withSpecOnly(kind: Partial<KindDefinition>, needsSpec: boolean): Partial<KindDefinition> {
  const { fillDefaults, validate, findUnsupported } = kind;
  if (!needsSpec) return {};
  return {
    ...(fillDefaults === undefined ? {} : { fillDefaults: (draft) => (draft.spec === undefined ? undefined : fillDefaults(draft)) }),
    ...(validate === undefined ? {} : { validate: (draft) => (draft.spec === undefined ? [] : validate(draft)) }),
    ...(findUnsupported === undefined
      ? {}
      : { findUnsupported: (draft) => (draft.spec === undefined ? { warnings: [], refused: [] } : findUnsupported(draft)) }),
  };
}

/**
 * A rule for names of new objects that is narrower than that of most kinds. Objects that have such a name already keep it, as upstream asks for it at creation only; what
 * is no name at all is told in the words of the rule, too.
 */
export function namedAs(check: (name: string) => string[]): Pick<KindDefinition, 'checkName' | 'validateCreate'> {
  return {
    checkName: (name) => (checkDnsSubdomain(name).length === 0 ? [] : check(name)),
    validateCreate: ({ metadata: { name = '' } }) =>
      name === '' || checkDnsSubdomain(name).length > 0 ? [] : check(name).map((message) => invalid('metadata.name', name, message)),
  };
}
