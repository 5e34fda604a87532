import { childPath, duplicate, forbidden, invalid, notFound, required } from '../schema/field-errors.ts';
import type { Container, PodSpec } from '../types.ts';
import { checkDnsLabel } from '../values/names.ts';
import { compareQuantities } from '../values/quantity.ts';
import { validateFieldRef, validateResourceFieldRef, VOLUME_FIELDS } from './env-validation.ts';
import type { FieldError } from './kind.ts';
import { volumeSources } from './volume.ts';

/** Kubernetes' rules for volumes that the schema can't say. Source: ValidateVolumes and ValidateVolumeMounts in pkg/apis/core/validation (behaviour and wording). */

type Volume = NonNullable<PodSpec['volumes']>[number];
type Items = readonly { key: string; path: string; mode?: number }[] | undefined;
type Files = NonNullable<NonNullable<Volume['downwardAPI']>['items']>;
type Projected = NonNullable<Volume['projected']>;
type Projection = NonNullable<Projected['sources']>[number];

const MAX_VOLUMES = 1000;
/** Seconds that a projected token may hold. */
const TOKEN_SECONDS = { least: 600, most: 2 ** 32 };

export function validateVolumes(spec: PodSpec, path: string): FieldError[] {
  const volumes = spec.volumes ?? [];
  const at = childPath(path, 'volumes');
  if (volumes.length > MAX_VOLUMES) return [forbidden(at, `more than ${MAX_VOLUMES} volumes`)];
  const names = new Set<string>();
  return volumes.flatMap((volume, index) => {
    const own = childPath(at, index);
    const errors = validateVolume(volume, own);
    if (names.has(volume.name)) errors.push(duplicate(childPath(own, 'name'), volume.name));
    names.add(volume.name);
    return errors;
  });
}

function validateVolume(volume: Volume, own: string): FieldError[] {
  const fields = new Map<string, unknown>(Object.entries(volume));
  const given = Object.keys(volumeSources).filter((source) => fields.get(source) !== undefined);
  const errors = given.slice(1).map((source) => forbidden(childPath(own, source), 'may not specify more than 1 volume type'));
  if (given[0] === undefined) errors.push(required(own, 'must specify a volume type'));
  else errors.push(...validateSource(volume, given[0], childPath(own, given[0])));
  return errors;
}

/** Of several sources the first one is looked at. */
function validateSource(
  { emptyDir, hostPath, configMap, secret, downwardAPI, projected }: Volume,
  source: string,
  at: string,
): FieldError[] {
  switch (source) {
    case 'emptyDir':
      if (emptyDir?.sizeLimit === undefined || compareQuantities(emptyDir.sizeLimit, '0') >= 0) return [];
      return [forbidden(childPath(at, 'sizeLimit'), 'SizeLimit field must be a valid resource quantity')];
    case 'hostPath':
      return noBacksteps(hostPath?.path ?? '', childPath(at, 'path'));
    case 'configMap':
      return [...validateName(configMap?.name, childPath(at, 'name')), ...validateItems(configMap?.items, at)];
    case 'secret':
      return [...validateName(secret?.secretName, childPath(at, 'secretName')), ...validateItems(secret?.items, at)];
    case 'downwardAPI':
      return (downwardAPI?.items ?? []).flatMap((file) => validateFile(file, at));
    case 'projected':
      return validateProjected(projected ?? {}, at);
    default:
      return [];
  }
}

function validateProjected({ sources = [] }: Partial<Projected>, at: string): FieldError[] {
  const seen = new Set<string>();
  return sources.flatMap((source, index) => {
    const own = childPath(childPath(at, 'sources'), index);
    const errors = validateProjection(source, own, at);
    for (const [path, name] of projectedPaths(source)) {
      if (path !== '' && seen.has(path)) errors.push(invalid(at, name, 'conflicting duplicate paths'));
      seen.add(path);
    }
    const given = Object.values(source).filter((each) => each !== undefined).length;
    return given > 1 ? [...errors, forbidden(own, 'may not specify more than 1 volume type per source')] : errors;
  });
}

/** Each with the value that Kubernetes shows when it is there twice. */
function projectedPaths({ secret, configMap, downwardAPI }: Projection): [path: string, shown: string][] {
  const named = [secret, configMap].flatMap((from) =>
    (from?.items ?? []).map(({ path = '' }): [string, string] => [path, from?.name ?? '']),
  );
  return [...named, ...(downwardAPI?.items ?? []).map(({ path = '' }): [string, string] => [path, path])];
}

/** @param whole the path of the volume's source: Kubernetes says so of a token's file */
function validateProjection(
  { secret, configMap, downwardAPI, serviceAccountToken: token }: Projection,
  own: string,
  whole: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [field, from] of [['secret', secret] as const, ['configMap', configMap] as const]) {
    const at = childPath(own, field);
    if (from !== undefined) errors.push(...validateName(from.name, childPath(at, 'name')), ...validateItems(from.items, at));
  }
  for (const file of downwardAPI?.items ?? []) errors.push(...validateFile(file, childPath(own, 'downwardAPI')));
  if (token === undefined) return errors;
  const { expirationSeconds: seconds = TOKEN_SECONDS.least, path = '' } = token;
  const at = childPath(own, 'serviceAccountToken.expirationSeconds');
  if (seconds < TOKEN_SECONDS.least) errors.push(invalid(at, seconds, 'may not specify a duration less than 10 minutes'));
  if (seconds > TOKEN_SECONDS.most) errors.push(invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
  return [...errors, ...validateFilePath(path, childPath(whole, 'path'))];
}

function validateName(name: string | undefined, at: string): FieldError[] {
  return (name ?? '') === '' ? [required(at)] : [];
}

function validateItems(items: Items, path: string): FieldError[] {
  return (items ?? []).flatMap(({ path: file = '' }, index) => {
    const at = childPath(childPath(childPath(path, 'items'), index), 'path');
    return file === '' ? [] : validateFilePath(file, at);
  });
}

/** A file of a field of the pod. Kubernetes says what is wrong of the whole source, whichever file it is. */
function validateFile({ path = '', fieldRef, resourceFieldRef }: Files[number], at: string): FieldError[] {
  const errors = validateFilePath(path, childPath(at, 'path'));
  if (fieldRef !== undefined) {
    errors.push(...validateFieldRef(fieldRef, VOLUME_FIELDS, childPath(at, 'fieldRef')));
    if (resourceFieldRef !== undefined)
      errors.push(invalid(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  } else if (resourceFieldRef !== undefined)
    errors.push(...validateResourceFieldRef(resourceFieldRef, childPath(at, 'resourceFieldRef'), 'volume'));
  else errors.push(required(at, 'one of fieldRef and resourceFieldRef is required'));
  return errors;
}

/** Of a file in a volume. Source: ValidateLocalNonReservedPath. */
function validateFilePath(value: string, path: string): FieldError[] {
  if (value === '') return [required(path)];
  const errors = validateInside(value, path);
  if (value.startsWith('..') && !value.startsWith('../')) errors.push(invalid(path, value, "must not start with '..'"));
  return errors;
}

/** A path that stays below where it starts. Source: validateLocalDescendingPath. */
function validateInside(value: string, path: string): FieldError[] {
  const errors = value.startsWith('/') ? [invalid(path, value, 'must be a relative path')] : [];
  return [...errors, ...noBacksteps(value, path)];
}

function noBacksteps(value: string, path: string): FieldError[] {
  return value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : [];
}

/** A volume that is wrong itself can not be mounted either. */
function mountableNames(volumes: readonly Volume[]): Set<string> {
  const isRight = (volume: Volume, { name = '' } = volume): boolean => checkDnsLabel(name).length + validateVolume(volume, '').length === 0;
  return new Set(volumes.filter((volume) => isRight(volume)).map(({ name }) => name));
}

/** What is said of a path or of propagation is said of the list, as Kubernetes does. */
export function validateMounts(container: Container, spec: PodSpec, path: string): FieldError[] {
  const names = mountableNames(spec.volumes ?? []);
  const list = childPath(path, 'volumeMounts');
  const paths = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const at = childPath(list, index);
    const { name = '', mountPath = '', subPath = '', subPathExpr = '' } = mount;
    if (!names.has(name)) errors.push(notFound(childPath(at, 'name'), name));
    if (paths.has(mountPath)) errors.push(invalid(childPath(at, 'mountPath'), mountPath, 'must be unique'));
    paths.add(mountPath);
    errors.push(...validateInside(subPath, childPath(list, 'subPath')));
    if (subPath !== '' && subPathExpr !== '')
      errors.push(invalid(childPath(at, 'subPathExpr'), subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    errors.push(...validateInside(subPathExpr, childPath(list, 'subPathExpr')));
    const propagation = childPath(list, 'mountPropagation');
    if (mount.mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true)
      errors.push(forbidden(propagation, 'Bidirectional mount propagation is available only to privileged containers'));
    errors.push(...validateRecursive(mount, childPath(list, 'recursiveReadOnly')));
  }
  return errors;
}

function validateRecursive(mount: NonNullable<Container['volumeMounts']>[number], at: string): FieldError[] {
  const { recursiveReadOnly = 'Disabled', readOnly, mountPropagation = 'None' } = mount;
  const errors: FieldError[] = [];
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible') return errors;
  if (readOnly !== true) errors.push(forbidden(at, 'may only be specified when readOnly is true'));
  if (mountPropagation !== 'None') errors.push(forbidden(at, 'may only be specified when mountPropagation is None or not specified'));
  return errors;
}
