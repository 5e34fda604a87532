import { childPath, forbidden, invalid, notSupported, required } from '../schema/field-errors.ts';
import type { Container } from '../types.ts';
import { checkConfigKey, checkDnsSubdomain, checkEnvName, checkQualifiedName, maskTrailingDash } from '../values/names.ts';
import type { FieldError } from './kind.ts';

/** Kubernetes' rules for a container's environment. Source: ValidateEnv and ValidateEnvFrom in pkg/apis/core/validation/validation.go (behaviour and wording). */

/** Entries of a list in a container (ports, environment). */
const MAX_ENTRIES = 5000;

type Variable = NonNullable<Container['env']>[number];
type FieldRef = NonNullable<NonNullable<Variable['valueFrom']>['fieldRef']>;
type ResourceFieldRef = NonNullable<NonNullable<Variable['valueFrom']>['resourceFieldRef']>;

const ENV_FIELDS = [
  ...['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName'],
  ...['status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs'],
];
export const VOLUME_FIELDS: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
/** What can be named at all. Source: ConvertDownwardAPIFieldLabel. */
const KNOWN_FIELDS = [...ENV_FIELDS, ...VOLUME_FIELDS, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase'];
const SUBSCRIPT = /^(.*)\['([^']*)'\]$/;
const RESOURCES = [
  ...['limits.cpu', 'limits.ephemeral-storage', 'limits.memory'],
  ...['requests.cpu', 'requests.ephemeral-storage', 'requests.memory'],
];
const BYTE_UNITS = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

export function validateEnv(container: Container, path: string): FieldError[] {
  const env = container.env ?? [];
  const list = childPath(path, 'env');
  if (env.length > MAX_ENTRIES) return [forbidden(list, `more than ${MAX_ENTRIES} entries`)];
  return env.flatMap((variable, index) => {
    const at = childPath(list, index);
    const { name = '' } = variable;
    const names = name === '' ? [] : checkEnvName(name).map((message) => invalid(`${at}.name`, name, message));
    return [...names, ...validateValueFrom(variable, `${at}.valueFrom`)];
  });
}

function validateValueFrom({ value = '', valueFrom: source }: Variable, at: string): FieldError[] {
  if (source === undefined) return [];
  const errors: FieldError[] = [];
  const given = Object.values(source).filter((member) => member !== undefined).length;
  if (source.fieldRef !== undefined) errors.push(...validateFieldRef(source.fieldRef, ENV_FIELDS, `${at}.fieldRef`));
  if (source.resourceFieldRef !== undefined)
    errors.push(...validateResourceFieldRef(source.resourceFieldRef, `${at}.resourceFieldRef`, 'environment'));
  for (const field of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const ref = source[field];
    if (ref !== undefined) errors.push(...validateKeyRef(ref, childPath(at, field)));
  }
  const sources = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
  if (given === 0) errors.push(invalid(at, '', `must specify one of: ${sources}`));
  else if (value !== '') errors.push(invalid(at, '', 'may not be specified when `value` is not empty'));
  else if (given > 1) errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
  return errors;
}

function validateKeyRef({ name = '', key = '' }: { name?: string; key?: string }, path: string): FieldError[] {
  const errors = checkDnsSubdomain(name).map((message) => invalid(`${path}.name`, name, message));
  if (key !== '') errors.push(...checkConfigKey(key).map((message) => invalid(`${path}.key`, key, message)));
  return errors;
}

/** @param fields what may be asked for at this place */
export function validateFieldRef({ apiVersion = 'v1', fieldPath = '' }: FieldRef, fields: readonly string[], at: string): FieldError[] {
  if (fieldPath === '') return [];
  const wrong = (why: string): FieldError[] => [invalid(`${at}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`)];
  if (apiVersion !== 'v1') return wrong(`unsupported pod version: ${apiVersion}`);
  const [, path, key] = SUBSCRIPT.exec(fieldPath) ?? [];
  if (path !== undefined && key !== undefined) {
    if (path !== 'metadata.annotations' && path !== 'metadata.labels') return wrong(`field label does not support subscript: ${fieldPath}`);
    const name = path === 'metadata.annotations' ? key.toLowerCase() : key;
    return checkQualifiedName(name).map((message) => invalid(at, name, message));
  }
  if (!KNOWN_FIELDS.includes(fieldPath)) return wrong(`field label not supported: ${fieldPath}`);
  return fields.includes(fieldPath) ? [] : [notSupported(`${at}.fieldPath`, fieldPath, fields)];
}

export function validateResourceFieldRef(ref: ResourceFieldRef, at: string, place: 'environment' | 'volume'): FieldError[] {
  const { containerName = '', resource = '', divisor = '0' } = ref;
  const isHuge = /^(?:limits|requests)\.hugepages-/.test(resource);
  const errors: FieldError[] = [];
  if (place === 'volume' && containerName === '') errors.push(required(`${at}.containerName`));
  else if (resource !== '' && !isHuge && !RESOURCES.includes(resource)) errors.push(notSupported(`${at}.resource`, resource, RESOURCES));
  if (divisor === '0') return errors;
  const isCpu = resource.endsWith('.cpu');
  const units = isCpu ? ['1m', '1'] : BYTE_UNITS;
  if (!(isHuge || RESOURCES.includes(resource)) || units.includes(divisor)) return errors;
  const kind = isHuge ? 'hugepages' : resource.endsWith('-storage') ? 'local ephemeral storage' : 'memory';
  const detail = isCpu
    ? "only divisor's values 1m and 1 are supported with the cpu resource"
    : `only divisor's values ${BYTE_UNITS.join(', ')} are supported with the ${kind} resource`;
  return [...errors, invalid(`${at}.divisor`, resource, detail)];
}

export function validateEnvFrom(container: Container, path: string): FieldError[] {
  const list = childPath(path, 'envFrom');
  return (container.envFrom ?? []).flatMap((source, index) => {
    const at = childPath(list, index);
    const { prefix = '' } = source;
    const errors = prefix === '' ? [] : checkEnvName(prefix).map((message) => invalid(`${at}.prefix`, prefix, message));
    const given = (['configMapRef', 'secretRef'] as const).filter((field) => source[field] !== undefined);
    for (const field of given) {
      const name = source[field]?.name ?? '';
      if (name === '') errors.push(required(`${at}.${field}.name`));
      else errors.push(...checkDnsSubdomain(maskTrailingDash(name)).map((message) => invalid(`${at}.${field}.name`, name, message)));
    }
    // Of the list, as Kubernetes says it.
    if (given.length === 0) errors.push(invalid(list, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (given.length > 1) errors.push(invalid(list, '', 'may not have more than one field specified at a time'));
    return errors;
  });
}
