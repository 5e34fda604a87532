import { childPath, duplicate, forbidden, invalid, keyPath, notSupported, required } from '../schema/field-errors.ts';
import type { Container, PodSpec, PodTemplateSpec } from '../types.ts';
import { checkConfigKey, checkQualifiedName } from '../values/names.ts';
import { compareQuantities, parseQuantity } from '../values/quantity.ts';
import { asContainer, validateEphemeral } from './ephemeral-container.ts';
import { validateNames } from './dns-validation.ts';
import type { FieldError } from './kind.ts';
import { validateLifecycle, validateProbes } from './probe-validation.ts';
import { validateTolerations } from './toleration-validation.ts';
import { validateMounts, validateVolumes } from './volume-validation.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';

/** Kubernetes' rules for pods that the schema can't say. Source: pkg/apis/core/validation/validation.go (behaviour and wording). */

/** Containers of one pod; keeps every loop over them small. */
const MAX_CONTAINERS = 100;
/** Entries of a list in a container (ports, environment). */
const MAX_ENTRIES = 5000;

const DOWNWARD_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
] as const;
const DOWNWARD_KEY = /^metadata\.(labels|annotations)\['([^']*)'\]$/;
const DOWNWARD_RESOURCES = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
] as const;
/** What a node counts; anything else would run without what it asked for. */
const COUNTED_RESOURCES: readonly string[] = ['cpu', 'memory'];
const STANDARD_RESOURCES: readonly string[] = ['cpu', 'memory', 'ephemeral-storage'];

export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = validateVolumes(spec, path);
  const seen = { names: new Set<string>(), hostPorts: new Set<string>() };
  for (const field of ['initContainers', 'containers'] as const) {
    const containers = spec[field] ?? [];
    const at = childPath(path, field);
    if (containers.length > MAX_CONTAINERS) return [forbidden(at, `more than ${MAX_CONTAINERS} containers`)];
    for (const [index, container] of containers.entries()) {
      errors.push(...validateMounts(container, spec, childPath(at, index)));
      errors.push(...validateContainer(container, childPath(at, index), field === 'initContainers', seen));
    }
  }
  errors.push(...validateEphemeral(spec, path, new Set(seen.names)));
  for (const [index, ephemeral] of (spec.ephemeralContainers ?? []).entries()) {
    const at = childPath(childPath(path, 'ephemeralContainers'), index);
    if (index >= MAX_CONTAINERS) return [forbidden(childPath(path, 'ephemeralContainers'), `more than ${MAX_CONTAINERS} containers`)];
    const container = asContainer(ephemeral);
    errors.push(...validateMounts(container, spec, at), ...validateEnv(container, at), ...validateEnvFrom(container, at));
  }
  errors.push(...validateHostNamespaces(spec, path), ...validateNames(spec, path), ...validateTolerations(spec, path));
  errors.push(...validateLabels(spec.nodeSelector, childPath(path, 'nodeSelector')));
  return errors;
}

/** Source: validateHostNetwork, validatePodHostIPC. */
function validateHostNamespaces(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const at = childPath(childPath(path, 'securityContext'), 'shareProcessNamespace');
    errors.push(invalid(at, true, 'ShareProcessNamespace and HostPID cannot both be enabled'));
  }
  if (spec.hostNetwork !== true) return errors;
  for (const field of ['initContainers', 'containers'] as const) {
    for (const [index, { ports = [] }] of (spec[field] ?? []).entries()) {
      for (const [number, { containerPort, hostPort }] of ports.entries()) {
        if (hostPort === undefined || hostPort === 0 || hostPort === containerPort) continue;
        const at = `${childPath(childPath(path, field), index)}.ports[${number}].containerPort`;
        errors.push(invalid(at, containerPort, 'must match `hostPort` when `hostNetwork` is true'));
      }
    }
  }
  return errors;
}

function validateContainer(
  container: Container,
  path: string,
  isInit: boolean,
  seen: { names: Set<string>; hostPorts: Set<string> },
): FieldError[] {
  const errors: FieldError[] = [];
  const { name = '', restartPolicy } = container;
  if (name !== '' && seen.names.has(name)) errors.push(duplicate(childPath(path, 'name'), name));
  seen.names.add(name);
  // What runs before frees its ports for those after it.
  const hostPorts = isInit && restartPolicy !== 'Always' ? new Set<string>() : seen.hostPorts;
  errors.push(
    ...validatePorts(container, path, hostPorts),
    ...validateEnv(container, path),
    ...validateEnvFrom(container, path),
    ...validateResources(container, path),
  );
  const policyPath = childPath(path, 'restartPolicy');
  if (!isInit && restartPolicy !== undefined) errors.push(forbidden(policyPath, 'may not be set for non-init containers'));
  if (isInit && restartPolicy !== undefined && restartPolicy !== 'Always') errors.push(notSupported(policyPath, restartPolicy, ['Always']));
  if (isInit && restartPolicy !== 'Always') {
    for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[field] !== undefined) {
        errors.push(forbidden(childPath(path, field), 'may not be set for init containers without restartPolicy=Always'));
      }
    }
    return errors;
  }
  return [...errors, ...validateProbes(container, path), ...validateLifecycle(container, path)];
}

/** Labels and annotations of a template are named without `metadata`, as Kubernetes does. */
export function validatePodTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  const specPath = childPath(path, 'spec');
  const errors = [
    ...validateLabels(template.metadata?.labels, childPath(path, 'labels')),
    ...validateAnnotations(template.metadata?.annotations, childPath(path, 'annotations')),
  ];
  if (template.spec === undefined) return errors;
  if ((template.spec.ephemeralContainers ?? []).length > 0)
    errors.push(forbidden(childPath(specPath, 'ephemeralContainers'), 'ephemeral containers not allowed in pod template'));
  errors.push(...validatePodSpec(template.spec, specPath));
  return errors;
}

function validatePorts(container: Container, path: string, hostPorts: Set<string>): FieldError[] {
  const ports = container.ports ?? [];
  if (ports.length > MAX_ENTRIES) return [forbidden(childPath(path, 'ports'), `more than ${MAX_ENTRIES} entries`)];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = childPath(childPath(path, 'ports'), index);
    if (port.name !== undefined && port.name !== '') {
      if (names.has(port.name)) errors.push(duplicate(childPath(at, 'name'), port.name));
      names.add(port.name);
    }
    if (port.hostPort === undefined || port.hostPort === 0) continue;
    const key = `${port.protocol ?? 'TCP'}/${port.hostIP ?? ''}/${port.hostPort}`;
    if (hostPorts.has(key)) errors.push(duplicate(childPath(at, 'hostPort'), key));
    hostPorts.add(key);
  }
  return errors;
}

function validateEnv(container: Container, path: string): FieldError[] {
  const env = container.env ?? [];
  if (env.length > MAX_ENTRIES) return [forbidden(childPath(path, 'env'), `more than ${MAX_ENTRIES} entries`)];
  return env.flatMap((variable, index) => {
    const at = childPath(childPath(childPath(path, 'env'), index), 'valueFrom');
    const source = variable.valueFrom;
    if (source === undefined) return [];
    const errors: FieldError[] = [];
    const given = Object.values(source).filter((member) => member !== undefined).length;
    if (given === 0)
      errors.push(invalid(at, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'));
    if (given > 1) errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
    if ((variable.value ?? '') !== '') errors.push(invalid(at, '', 'may not be specified when `value` is not empty'));
    if (source.fieldRef !== undefined) errors.push(...validateFieldPath(source.fieldRef.fieldPath, childPath(at, 'fieldRef.fieldPath')));
    const resource = source.resourceFieldRef?.resource ?? '';
    for (const field of ['configMapKeyRef', 'secretKeyRef'] as const) {
      const ref = source[field];
      if (ref !== undefined) errors.push(...validateKeyRef(ref, childPath(at, field)));
    }
    if (resource !== '' && !(DOWNWARD_RESOURCES as readonly string[]).includes(resource)) {
      errors.push(notSupported(childPath(at, 'resourceFieldRef.resource'), resource, DOWNWARD_RESOURCES));
    }
    return errors;
  });
}

function validateKeyRef({ name = '', key }: { name?: string; key: string }, path: string): FieldError[] {
  const errors = name === '' ? [required(childPath(path, 'name'))] : [];
  if (key !== '') errors.push(...checkConfigKey(key).map((message) => invalid(childPath(path, 'key'), key, message)));
  return errors;
}

function validateEnvFrom(container: Container, path: string): FieldError[] {
  return (container.envFrom ?? []).flatMap((source, index) => {
    const at = childPath(childPath(path, 'envFrom'), index);
    const given = [source.configMapRef, source.secretRef].filter((ref) => ref !== undefined);
    if (given.length === 0) return [invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`')];
    if (given.length > 1) return [invalid(at, '', 'may not have more than one field specified at a time')];
    const field = source.configMapRef === undefined ? 'secretRef' : 'configMapRef';
    return (given[0]?.name ?? '') === '' ? [required(childPath(at, `${field}.name`))] : [];
  });
}

function validateFieldPath(fieldPath: string, path: string): FieldError[] {
  if (fieldPath === '' || (DOWNWARD_FIELDS as readonly string[]).includes(fieldPath)) return [];
  const key = DOWNWARD_KEY.exec(fieldPath);
  if (key === null) return [notSupported(path, fieldPath, DOWNWARD_FIELDS)];
  return checkQualifiedName((key[2] ?? '').toLowerCase()).map((message) => invalid(path, key[2], message));
}

function validateResources(container: Container, path: string): FieldError[] {
  const at = childPath(path, 'resources');
  const { limits = {}, requests = {} } = container.resources ?? {};
  const errors = [...validateAmounts(limits, childPath(at, 'limits')), ...validateAmounts(requests, childPath(at, 'requests'))];
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit === undefined || parseQuantity(limit) === undefined || parseQuantity(request) === undefined) continue;
    if (compareQuantities(request, limit) > 0) {
      errors.push(invalid(childPath(at, 'requests'), request, `must be less than or equal to ${name} limit of ${limit}`));
    }
  }
  return errors;
}

function validateAmounts(amounts: Readonly<Record<string, string>>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, amount] of Object.entries(amounts)) {
    const at = keyPath(path, name);
    errors.push(...checkQualifiedName(name).map((message) => invalid(at, name, message)));
    if (!name.includes('/') && !STANDARD_RESOURCES.includes(name) && !name.startsWith('hugepages-')) {
      errors.push(invalid(at, name, 'must be a standard resource type or fully qualified'));
    }
    if (parseQuantity(amount) === undefined) errors.push(invalid(at, amount, 'must be a quantity'));
    else if (compareQuantities(amount, '0') < 0) errors.push(invalid(at, amount, 'must be greater than or equal to 0'));
  }
  return errors;
}

/** Resources that no node counts. Storage only loses its bound; a device would be missing. */
export function findUncountedResources(spec: PodSpec, path: string): { warnings: string[]; refused: FieldError[] } {
  const found: { warnings: string[]; refused: FieldError[] } = { warnings: [], refused: [] };
  const containers = (['initContainers', 'containers'] as const).flatMap((field) =>
    (spec[field] ?? []).map((container, index) => ({ container, at: childPath(childPath(childPath(path, field), index), 'resources') })),
  );
  for (const { container, at } of containers) {
    for (const part of ['limits', 'requests'] as const) {
      for (const name of Object.keys(container.resources?.[part] ?? {})) {
        if (COUNTED_RESOURCES.includes(name)) continue;
        const field = keyPath(childPath(at, part), name);
        if (name === 'ephemeral-storage') found.warnings.push(`${field}: is kept but has no effect yet: storage is not counted`);
        else found.refused.push(forbidden(field, 'not supported by Kith yet: no node offers this resource'));
      }
    }
  }
  return found;
}

/** A template's pods are restarted for ever. `owner` is the kind, for the message. */
export function validateServingTemplate(template: PodTemplateSpec | undefined, path: string, owner: string): FieldError[] {
  if (template === undefined) return [required(path)];
  const errors = validatePodTemplate(template, path);
  const policy = template.spec?.restartPolicy;
  if (policy !== undefined && policy !== 'Always') errors.push(notSupported(childPath(path, 'spec.restartPolicy'), policy, ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    errors.push(forbidden(childPath(path, 'spec.activeDeadlineSeconds'), `activeDeadlineSeconds in ${owner} is not Supported`));
  }
  return errors;
}
