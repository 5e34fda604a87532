import { jsonEqual } from '../../json.ts';
import type { DraftObject, StoredObject } from '../../objects.ts';
import { childPath, duplicate, forbidden, invalid, keyPath, notSupported, required, tooLong } from '../../schema/field-errors.ts';
import type { LabelSelector } from '../../types.ts';
import { checkDnsSubdomain, checkQualifiedName } from '../../values/names.ts';
import { compareQuantities } from '../../values/quantity.ts';
import { validateNodeSelector } from '../affinity-validation.ts';
import type { FieldError } from '../kind.ts';
import { validateLabelSelector } from '../label-selector.ts';

/** Kubernetes' rules for storage. Source: pkg/apis/core/validation and pkg/apis/storage/validation (behaviour and wording). */

export const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
/** Parameters of a class. Source: maxProvisionerParameterLen, maxProvisionerParameterSize. */
const MAX_PARAMETERS = 512;
const MAX_PARAMETER_BYTES = 256 * 1024;

interface Reference {
  apiGroup?: string;
  kind?: string;
  name?: string;
  namespace?: string;
}

interface ClaimSpec {
  accessModes?: string[];
  selector?: LabelSelector;
  resources?: { requests?: Record<string, string> };
  storageClassName?: string;
  volumeName?: string;
  volumeMode?: string;
  volumeAttributesClassName?: string;
  dataSource?: Reference;
  dataSourceRef?: Reference;
}

/** Said of the list, whichever mode it is. */
function validateModes(modes: readonly string[] = []): FieldError[] {
  const at = 'spec.accessModes';
  const errors = modes.filter((mode) => !ACCESS_MODES.includes(mode)).map((mode) => notSupported(at, mode, ACCESS_MODES));
  const others = modes.filter((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode));
  if (modes.includes('ReadWriteOncePod') && others.length > 0)
    errors.push(forbidden(at, 'may not use ReadWriteOncePod with other access modes'));
  return errors;
}

function validateClassName(name: string | undefined, at: string): FieldError[] {
  return (name ?? '') === '' ? [] : checkDnsSubdomain(name ?? '').map((message) => invalid(at, name, message));
}

/** Source: ValidatePersistentVolumeClaimSpec. */
export function validateClaim(draft: DraftObject): FieldError[] {
  const spec = draft.spec as ClaimSpec;
  const { accessModes, selector, resources, dataSource, dataSourceRef: reference } = spec;
  const errors = [...validateModes(accessModes), ...validateLabelSelector(selector ?? {}, 'spec.selector')];
  const storage = resources?.requests?.['storage'];
  const at = 'spec.resources[storage]';
  if (storage === undefined) errors.push(required(at));
  else if (compareQuantities(storage, '0') <= 0) errors.push(invalid(at, storage, 'must be greater than zero'));
  errors.push(...validateClassName(spec.storageClassName, 'spec.storageClassName'));
  if (dataSource !== undefined) errors.push(...validateSource(dataSource, 'spec.dataSource'));
  if (reference !== undefined) errors.push(...validateSource(reference, 'spec.dataSourceRef'));
  if (dataSource !== undefined && reference !== undefined) {
    // The value is a path that Kubernetes shows as an empty object.
    const isElsewhere = (reference.namespace ?? '') !== '';
    const isSame = (['apiGroup', 'kind', 'name'] as const).every((field) => dataSource[field] === reference[field]);
    if (isElsewhere) errors.push(invalid('spec', {}, 'may not be specified when dataSourceRef.namespace is specified'));
    else if (!isSame) errors.push(invalid('spec', {}, 'must match dataSourceRef'));
  }
  return [...errors, ...validateClassName(spec.volumeAttributesClassName, 'spec.volumeAttributesClassName')];
}

function validateSource({ apiGroup = '', kind = '', name = '' }: Reference, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(childPath(at, 'name')));
  if (kind === '') errors.push(required(childPath(at, 'kind')));
  if (apiGroup === '' && kind !== 'PersistentVolumeClaim')
    errors.push(invalid(at, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  if (apiGroup !== '') errors.push(...checkDnsSubdomain(apiGroup).map((message) => invalid(childPath(at, 'apiGroup'), apiGroup, message)));
  return errors;
}

/** Source: ValidatePersistentVolumeClaimUpdate. What is filled in for the first time is no change. */
export function validateClaimUpdate(before: StoredObject, after: DraftObject): FieldError[] {
  const [old, now] = [before.spec as ClaimSpec, after.spec as ClaimSpec];
  const status = (before['status'] ?? {}) as { phase?: string; capacity?: Record<string, string> };
  const isBound = status.phase === 'Bound';
  const sizes = [old, now].map(({ resources }) => resources?.requests?.['storage'] ?? '0') as [string, string];
  const fixed = ({ resources, volumeName, storageClassName, volumeAttributesClassName, ...rest }: ClaimSpec): object => ({
    ...rest,
    resources: { ...resources, requests: { ...resources?.requests, ...(isBound ? { storage: '' } : {}) } },
    volumeName: (old.volumeName ?? '') === '' ? '' : volumeName,
    storageClassName: old.storageClassName === undefined ? '' : storageClassName,
    volumeAttributesClassName: isBound ? '' : (volumeAttributesClassName ?? ''),
  });
  const errors: FieldError[] = [];
  if (!jsonEqual(toJson(fixed(old)), toJson(fixed(now))))
    errors.push(
      forbidden('spec', 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'),
    );
  if (compareQuantities(sizes[1], sizes[0]) < 0 && compareQuantities(sizes[1], status.capacity?.['storage'] ?? '0') <= 0)
    errors.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  if (old.volumeMode !== now.volumeMode) errors.push(invalid('volumeMode', now.volumeMode ?? null, 'field is immutable'));
  return errors;
}

function toJson(value: object): Parameters<typeof jsonEqual>[0] {
  return JSON.parse(JSON.stringify(value)) as Parameters<typeof jsonEqual>[0];
}

interface VolumeSpec {
  accessModes?: string[];
  capacity?: Record<string, string>;
  persistentVolumeReclaimPolicy?: string;
  storageClassName?: string;
  volumeMode?: string;
  volumeAttributesClassName?: string;
  nodeAffinity?: { required?: Parameters<typeof validateNodeSelector>[0] };
  hostPath?: { path?: string };
  local?: { path?: string };
  nfs?: { server?: string; path?: string };
}

/** Source: ValidatePersistentVolumeSpec. @param sources all there are, in the order in which Kubernetes looks at them */
export function validateVolumeSpec(draft: DraftObject, sources: readonly string[]): FieldError[] {
  const spec = draft.spec as VolumeSpec & Record<string, unknown>;
  const { accessModes, capacity = {}, nodeAffinity, hostPath } = spec;
  const errors = validateModes(accessModes);
  if (capacity['storage'] === undefined || Object.keys(capacity).length > 1)
    errors.push(notSupported('spec.capacity', Object.keys(capacity).length === 0 ? null : capacity, ['storage']));
  for (const [name, amount] of Object.entries(capacity))
    if (compareQuantities(amount, '0') <= 0) errors.push(invalid(keyPath('spec.capacity', name), amount, 'must be greater than zero'));
  if (nodeAffinity !== undefined) {
    const at = 'spec.nodeAffinity.required';
    errors.push(
      ...(nodeAffinity.required === undefined
        ? [required(at, 'must specify required node constraints')]
        : validateNodeSelector(nodeAffinity.required, at)),
    );
  }
  errors.push(...validateVolumeSource(spec, sources));
  if (hostPath?.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle')
    errors.push(forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
  return [...errors, ...validateClassName(spec.storageClassName, 'spec.storageClassName')];
}

function validateVolumeSource(spec: VolumeSpec & Record<string, unknown>, sources: readonly string[]): FieldError[] {
  const given = sources.filter((source) => spec[source] !== undefined);
  if (given.length === 0) return [required('spec', 'must specify a volume type')];
  const errors = given.slice(1).map((source) => forbidden(`spec.${source}`, 'may not specify more than 1 volume type'));
  const [first = ''] = given;
  if (first !== 'hostPath' && first !== 'local' && first !== 'nfs') return errors;
  const { path = '', server = '' }: { path?: string; server?: string } = spec[first] ?? {};
  const at = `spec.${first}`;
  if (first === 'nfs' && server === '') errors.push(required(`${at}.server`));
  if (path === '') errors.push(required(`${at}.path`));
  if (first === 'nfs') {
    if (!path.startsWith('/')) errors.push(invalid(`${at}.path`, path, 'must be an absolute path'));
  } else if (path.split('/').includes('..')) errors.push(invalid(`${at}.path`, path, "must not contain '..'"));
  if (first === 'local' && spec.nodeAffinity === undefined)
    errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  return errors;
}

/** Source: ValidatePersistentVolumeUpdate. */
export function validateVolumeUpdate(before: StoredObject, after: DraftObject, sources: readonly string[]): FieldError[] {
  const [old, now] = [before.spec as VolumeSpec, after.spec as VolumeSpec];
  const sourceOf = (spec: VolumeSpec): object => Object.fromEntries(Object.entries(spec).filter(([name]) => sources.includes(name)));
  const errors: FieldError[] = [];
  if (!jsonEqual(toJson(sourceOf(old)), toJson(sourceOf(now))))
    errors.push(forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'));
  if (old.volumeMode !== now.volumeMode) errors.push(invalid('volumeMode', now.volumeMode ?? null, 'field is immutable'));
  if (old.nodeAffinity !== undefined && !jsonEqual(toJson(old.nodeAffinity), toJson(now.nodeAffinity ?? {})))
    errors.push(invalid('nodeAffinity', now.nodeAffinity ?? null, 'field is immutable, except for updating from beta label to GA'));
  return errors;
}

/** Source: ValidateStorageClass. */
export function validateStorageClass(draft: DraftObject): FieldError[] {
  const {
    provisioner = '',
    parameters = {},
    allowedTopologies = [],
  } = draft as unknown as {
    provisioner?: string;
    parameters?: Record<string, string>;
    allowedTopologies?: { matchLabelExpressions?: { key?: string; values?: string[] }[] }[];
  };
  const named = provisioner.toLowerCase();
  const errors = named === '' ? [] : checkQualifiedName(named).map((message) => invalid('provisioner', named, message));
  const entries = Object.entries(parameters);
  const bytes = entries.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (entries.length > MAX_PARAMETERS) errors.push(tooLong('parameters', MAX_PARAMETERS));
  else {
    if (Object.hasOwn(parameters, '')) errors.push(invalid('parameters', '', 'field can not be empty.'));
    if (bytes > MAX_PARAMETER_BYTES) errors.push(tooLong('parameters', MAX_PARAMETER_BYTES));
  }
  // Kubernetes compares with as many empty ones as there are, too.
  const known = allowedTopologies.map(() => shownTopology([]));
  for (const [index, { matchLabelExpressions = [] }] of allowedTopologies.entries()) {
    const at = `allowedTopologies[${index}].matchLabelExpressions`;
    errors.push(...validateTopology(matchLabelExpressions, at));
    const shown = shownTopology(matchLabelExpressions);
    errors.push(...known.filter((other) => other === shown).map(() => duplicate(at, '')));
    known.push(shown);
  }
  return errors;
}

/** Equal of equal ones, whatever the order. Of a key that comes twice the last one counts. */
function shownTopology(expressions: readonly { key?: string; values?: string[] }[]): string {
  const byKey = new Map(expressions.map(({ key = '', values = [] }) => [key, [...new Set(values)].sort()]));
  return JSON.stringify([...byKey].sort(([left], [right]) => (left < right ? -1 : 1)));
}

function validateTopology(expressions: readonly { key?: string; values?: string[] }[], path: string): FieldError[] {
  return expressions.flatMap(({ key = '', values = [] }, index) => {
    const at = childPath(path, index);
    const errors = values.length === 0 ? [required(childPath(at, 'values'))] : [];
    for (const [number, value] of values.entries())
      if (values.indexOf(value) < number) errors.push(duplicate(childPath(childPath(at, 'values'), number), value));
    errors.push(...checkQualifiedName(key).map((message) => invalid(childPath(at, 'key'), key, message)));
    if (expressions.findIndex((other) => (other.key ?? '') === key) < index) errors.push(duplicate(childPath(at, 'key'), key));
    return errors;
  });
}

/** Source: ValidateStorageClassUpdate. */
export function validateStorageClassUpdate(before: StoredObject, after: DraftObject): FieldError[] {
  const changed = (field: string): boolean => !jsonEqual(before[field] ?? null, after[field] ?? null);
  const errors = ['parameters', 'provisioner', 'reclaimPolicy']
    .filter(changed)
    .map((field) => forbidden(field, `updates to ${field} are forbidden.`));
  const mode = 'volumeBindingMode';
  return changed(mode) ? [...errors, invalid(mode, after[mode] ?? null, 'field is immutable')] : errors;
}
