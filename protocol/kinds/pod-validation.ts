import { childPath, duplicate, forbidden, invalid, keyPath, notSupported, required } from '../schema/field-errors.ts';
import type { Container, PodSpec, PodTemplateSpec } from '../types.ts';
import { checkQualifiedName } from '../values/names.ts';
import { compareQuantities, parseQuantity } from '../values/quantity.ts';
import type { FieldError } from './kind.ts';
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
  const containersPath = childPath(path, 'containers');
  const containers = spec.containers ?? [];
  if (containers.length > MAX_CONTAINERS) return [forbidden(containersPath, `more than ${MAX_CONTAINERS} containers`)];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const hostPorts = new Set<string>();
  for (const [index, container] of containers.entries()) {
    const at = childPath(containersPath, index);
    const name = container.name ?? '';
    if (name !== '' && names.has(name)) errors.push(duplicate(childPath(at, 'name'), name));
    names.add(name);
    errors.push(...validatePorts(container, at, hostPorts), ...validateEnv(container, at), ...validateResources(container, at));
  }
  errors.push(...validateLabels(spec.nodeSelector, childPath(path, 'nodeSelector')));
  return errors;
}

/** Labels and annotations of a template are named without `metadata`, as Kubernetes does. */
export function validatePodTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  const specPath = childPath(path, 'spec');
  const errors = [
    ...validateLabels(template.metadata?.labels, childPath(path, 'labels')),
    ...validateAnnotations(template.metadata?.annotations, childPath(path, 'annotations')),
  ];
  if (template.spec !== undefined) errors.push(...validatePodSpec(template.spec, specPath));
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
    if (resource !== '' && !(DOWNWARD_RESOURCES as readonly string[]).includes(resource)) {
      errors.push(notSupported(childPath(at, 'resourceFieldRef.resource'), resource, DOWNWARD_RESOURCES));
    }
    return errors;
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
  for (const [index, container] of (spec.containers ?? []).entries()) {
    const at = childPath(childPath(childPath(path, 'containers'), index), 'resources');
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
