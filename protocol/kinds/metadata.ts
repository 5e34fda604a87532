import type { ObjectMeta, OwnerReference } from '../objects.ts';
import { any, boolean, keyedList, list, long, object, string, stringMap, strings, time } from '../schema/build.ts';
import { childPath, forbidden, invalid, required, tooLong } from '../schema/field-errors.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import { checkDnsLabel, checkDnsSubdomain, checkLabelValue, checkQualifiedName, maskTrailingDash } from '../values/names.ts';
import type { FieldError } from './kind.ts';

/** Metadata is the same for all kinds: its fields, and Kubernetes' rules for them. */

/** Bytes of all keys and values together. Source: TotalAnnotationSizeLimitB. */
const MAX_ANNOTATIONS_BYTES = 256 * 1024;
/** Entries of each of these lists and maps: far more than anyone needs, few enough to check quickly. */
const MAX_ENTRIES = 2000;

const ownerReferenceSchema = object('OwnerReference', 'An object that this one belongs to: when all owners are gone, it goes, too.', {
  apiVersion: string('API version of the owner.'),
  kind: string('Kind of the owner.'),
  name: string('Name of the owner.'),
  uid: string('Uid of the owner; it names one life of that name.'),
  controller: boolean('True for the one owner that manages this object.'),
  blockOwnerDeletion: boolean('Foreground deletion of the owner waits for this object.'),
});

export const objectMetaSchema: ObjectSchema = object(
  'ObjectMeta',
  'What every object has: its name, its labels and its history.',
  {
    generateName: string('A prefix from which a unique name is made when there is no name.'),
    name: string('Name, unique among the objects of its kind in its namespace. Cannot be changed.'),
    namespace: string('Namespace of the object; empty for kinds that are cluster-wide. Cannot be changed.'),
    labels: stringMap('Keys and values by which objects are selected.'),
    annotations: stringMap('Keys and values that tools attach; nothing is selected by them.'),
    ownerReferences: keyedList('Objects that this one belongs to.', 'uid', ownerReferenceSchema),
    finalizers: strings('Who must agree before the object disappears. Deletion waits until the list is empty.', { patchMerge: true }),
    uid: string('Names this life of the object. Set by Kith.'),
    resourceVersion: string("This peer's version of the object. Set by Kith."),
    generation: long('Counts changes of the spec. Set by Kith.'),
    creationTimestamp: time('When the object was created. Set by Kith.'),
    deletionTimestamp: time('When deletion was asked for, plus the grace period. Set by Kith.'),
    deletionGracePeriodSeconds: long('Seconds of grace that deletion gives. Set by Kith.'),
    managedFields: list('Which manager owns which fields.', any('One manager and its fields.')),
    selfLink: string('Not in use any more.'),
  },
  { default: {} },
);

/** `check` is the kind's rule for names. A missing name is fine when there is a prefix to make one from. */
export function validateMetadata(
  metadata: Partial<ObjectMeta>,
  namespaced: boolean,
  check: (name: string) => string[] = checkDnsSubdomain,
): FieldError[] {
  const path = 'metadata';
  const errors: FieldError[] = [];
  const { name = '', generateName = '', namespace = '' } = metadata;
  if (generateName !== '') {
    errors.push(...check(maskTrailingDash(generateName)).map((message) => invalid('metadata.generateName', generateName, message)));
  }
  if (name === '' && generateName === '') errors.push(required('metadata.name', 'name or generateName is required'));
  if (name !== '') errors.push(...check(name).map((message) => invalid('metadata.name', name, message)));
  if (!namespaced && namespace !== '') errors.push(forbidden('metadata.namespace', 'not allowed on this type'));
  if (namespaced && namespace === '') errors.push(required('metadata.namespace'));
  if (namespaced && namespace !== '') {
    errors.push(...checkDnsLabel(namespace).map((message) => invalid('metadata.namespace', namespace, message)));
  }
  errors.push(...validateLabels(metadata.labels, childPath(path, 'labels')));
  errors.push(...validateAnnotations(metadata.annotations, childPath(path, 'annotations')));
  errors.push(...validateOwnerReferences(metadata.ownerReferences ?? []));
  errors.push(...validateFinalizers(metadata.finalizers ?? []));
  return errors;
}

/** Errors name the map, not its key, as Kubernetes' do. */
export function validateLabels(labels: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  const entries = Object.entries(labels ?? {});
  if (entries.length > MAX_ENTRIES) return [forbidden(path, `more than ${MAX_ENTRIES} entries`)];
  return entries.flatMap(([key, value]) => [
    ...checkQualifiedName(key).map((message) => invalid(path, key, message)),
    ...checkLabelValue(value).map((message) => invalid(path, value, message)),
  ]);
}

export function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  const entries = Object.entries(annotations ?? {});
  if (entries.length > MAX_ENTRIES) return [forbidden(path, `more than ${MAX_ENTRIES} entries`)];
  const errors = entries.flatMap(([key]) => checkQualifiedName(key.toLowerCase()).map((message) => invalid(path, key, message)));
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > MAX_ANNOTATIONS_BYTES) errors.push(tooLong(path, MAX_ANNOTATIONS_BYTES));
  return errors;
}

function validateFinalizers(finalizers: readonly string[]): FieldError[] {
  const path = 'metadata.finalizers';
  if (finalizers.length > MAX_ENTRIES) return [forbidden(path, `more than ${MAX_ENTRIES} entries`)];
  const errors = finalizers.flatMap((finalizer) => checkQualifiedName(finalizer).map((message) => invalid(path, finalizer, message)));
  if (OPPOSED_FINALIZERS.every((finalizer) => finalizers.includes(finalizer)))
    errors.push(invalid(path, finalizers, `finalizer ${OPPOSED_FINALIZERS.join(' and ')} cannot be both set`));
  return errors;
}

/** What becomes of dependents. */
const OPPOSED_FINALIZERS = ['orphan', 'foregroundDeletion'];

function validateOwnerReferences(references: readonly OwnerReference[]): FieldError[] {
  const path = 'metadata.ownerReferences';
  if (references.length > MAX_ENTRIES) return [forbidden(path, `more than ${MAX_ENTRIES} entries`)];
  const errors: FieldError[] = [];
  let controller: OwnerReference | undefined;
  for (const reference of references) {
    // Kubernetes does not say which one.
    const empty = (field: string, value = '', words = 'must not be empty'): void => {
      if (value === '') errors.push(invalid(childPath(path, field), value, words));
    };
    empty('apiVersion', reference.apiVersion, 'version must not be empty');
    empty('kind', reference.kind);
    empty('name', reference.name);
    empty('uid', reference.uid);
    if (reference.controller !== true) continue;
    if (controller !== undefined) {
      const both = `references for ${controller.kind}/${controller.name} and ${reference.kind}/${reference.name}`;
      errors.push(invalid(path, references, `Only one reference can have Controller set to true. Found "true" in ${both}`));
    }
    controller ??= reference;
  }
  return errors;
}

/** What no change of an object may touch. */
export function validateMetadataUpdate(before: Partial<ObjectMeta>, after: Partial<ObjectMeta>): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp'] as const) {
    const [old, now] = [before[field] ?? '', after[field] ?? ''];
    // A client that leaves what Kith set out does not ask for a change.
    if (now !== old && !(now === '' && field !== 'name')) errors.push(invalid(`metadata.${field}`, now, 'field is immutable'));
  }
  if (before.deletionTimestamp !== undefined) {
    for (const finalizer of after.finalizers ?? []) {
      if (before.finalizers?.includes(finalizer) === true) continue;
      errors.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers [${JSON.stringify(finalizer)}]`,
        ),
      );
    }
  }
  return errors;
}
