import { childPath, duplicate, forbidden, invalid, notFound, required } from '../schema/field-errors.ts';
import type { Container, PodSpec } from '../types.ts';
import { checkConfigKey } from '../values/names.ts';
import type { FieldError } from './kind.ts';
import { volumeSources } from './volume.ts';

/** Kubernetes' rules for volumes that the schema can't say. Source: ValidateVolumes and ValidateVolumeMounts in pkg/apis/core/validation. */

type Volume = NonNullable<PodSpec['volumes']>[number];
type Items = readonly { key: string; path: string }[] | undefined;

const MAX_VOLUMES = 1000;

export function validateVolumes(spec: PodSpec, path: string): FieldError[] {
  const volumes = spec.volumes ?? [];
  const at = childPath(path, 'volumes');
  if (volumes.length > MAX_VOLUMES) return [forbidden(at, `more than ${MAX_VOLUMES} volumes`)];
  const names = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, volume] of volumes.entries()) {
    const own = childPath(at, index);
    if (names.has(volume.name)) errors.push(duplicate(childPath(own, 'name'), volume.name));
    names.add(volume.name);
    const fields = new Map<string, unknown>(Object.entries(volume));
    const given = Object.keys(volumeSources).filter((source) => fields.get(source) !== undefined);
    if (given.length === 0) errors.push(required(own, 'must specify a volume type'));
    for (const source of given.slice(1)) errors.push(forbidden(childPath(own, source), 'may not specify more than 1 volume type'));
    errors.push(...validateSource(volume, own));
  }
  return errors;
}

function validateSource(volume: Volume, path: string): FieldError[] {
  const { hostPath, configMap, secret, downwardAPI, projected, persistentVolumeClaim } = volume;
  if (persistentVolumeClaim?.claimName === '') return [required(childPath(path, 'persistentVolumeClaim.claimName'))];
  if (hostPath !== undefined) return validateHostPath(hostPath.path, childPath(path, 'hostPath.path'));
  if (configMap !== undefined) {
    const at = childPath(path, 'configMap');
    return [...((configMap.name ?? '') === '' ? [required(childPath(at, 'name'))] : []), ...validateItems(configMap.items, at)];
  }
  if (secret !== undefined) {
    const at = childPath(path, 'secret');
    return [...((secret.secretName ?? '') === '' ? [required(childPath(at, 'secretName'))] : []), ...validateItems(secret.items, at)];
  }
  if (downwardAPI !== undefined) return validatePaths(downwardAPI.items, childPath(path, 'downwardAPI'));
  return (projected?.sources ?? []).flatMap((source, index) => {
    const at = childPath(childPath(path, 'projected.sources'), index);
    if (source.configMap !== undefined) return validateItems(source.configMap.items, childPath(at, 'configMap'));
    if (source.secret !== undefined) return validateItems(source.secret.items, childPath(at, 'secret'));
    if (source.serviceAccountToken !== undefined)
      return validateInside(source.serviceAccountToken.path, childPath(at, 'serviceAccountToken.path'), true);
    return validatePaths(source.downwardAPI?.items, childPath(at, 'downwardAPI'));
  });
}

function validateHostPath(value: string, path: string): FieldError[] {
  if (value === '') return [required(path)];
  return value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : [];
}

function validateItems(items: Items, path: string): FieldError[] {
  const keys = (items ?? []).flatMap(({ key }, index) =>
    checkConfigKey(key).map((message) => invalid(childPath(childPath(childPath(path, 'items'), index), 'key'), key, message)),
  );
  return [...keys, ...validatePaths(items, path)];
}

function validatePaths(items: readonly { path: string }[] | undefined, path: string): FieldError[] {
  return (items ?? []).flatMap(({ path: file }, index) =>
    validateInside(file, childPath(childPath(childPath(path, 'items'), index), 'path'), true),
  );
}

/** A path that stays below where it starts. */
function validateInside(value: string, path: string, isFile: boolean): FieldError[] {
  if (isFile && value === '') return [required(path)];
  if (value.startsWith('/')) return [invalid(path, value, 'must be a relative path')];
  if (value.split('/').includes('..')) return [invalid(path, value, "must not contain '..'")];
  return isFile && value.startsWith('..') ? [invalid(path, value, "must not start with '..'")] : [];
}

export function validateMounts(container: Container, spec: PodSpec, path: string): FieldError[] {
  const names = new Set((spec.volumes ?? []).map(({ name }) => name));
  const paths = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const at = childPath(childPath(path, 'volumeMounts'), index);
    if (mount.name === '') errors.push(required(childPath(at, 'name')));
    else if (!names.has(mount.name)) errors.push(notFound(childPath(at, 'name'), mount.name));
    if (mount.mountPath === '') errors.push(required(childPath(at, 'mountPath')));
    if (paths.has(mount.mountPath)) errors.push(invalid(childPath(at, 'mountPath'), mount.mountPath, 'must be unique'));
    paths.add(mount.mountPath);
    errors.push(...validateInside(mount.subPath ?? '', childPath(at, 'subPath'), false));
    errors.push(...validateInside(mount.subPathExpr ?? '', childPath(at, 'subPathExpr'), false));
    if ((mount.subPath ?? '') !== '' && (mount.subPathExpr ?? '') !== '') {
      errors.push(invalid(childPath(at, 'subPathExpr'), mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    }
    if (mount.mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
      errors.push(
        forbidden(childPath(at, 'mountPropagation'), 'Bidirectional mount propagation is available only to privileged containers'),
      );
    }
  }
  return errors;
}
