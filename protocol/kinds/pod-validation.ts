import { childPath, duplicate, forbidden, invalid, keyPath, notSupported, required } from '../schema/field-errors.ts';
import type { Container, PodSpec, PodTemplateSpec } from '../types.ts';
import { checkPortName, checkPortNumber, checkQualifiedName } from '../values/names.ts';
import { validateAffinity, validateSpread } from './affinity-validation.ts';
import { validateNames } from './dns-validation.ts';
import { validateEnv, validateEnvFrom } from './env-validation.ts';
import { asContainer, validateEphemeral } from './ephemeral-container.ts';
import type { FieldError } from './kind.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';
import { validateLifecycle, validateProbes } from './probe-validation.ts';
import { validateResources } from './resource-validation.ts';
import { validateContainerSecurity, validateHostUsers, validatePodSecurity } from './security-validation.ts';
import { validateTolerations } from './toleration-validation.ts';
import { validateMounts, validateVolumes } from './volume-validation.ts';

/** Kubernetes' rules for pods that the schema can't say. Source: pkg/apis/core/validation/validation.go (behaviour and wording). */

/** Containers of one pod; keeps every loop over them small. */
const MAX_CONTAINERS = 100;
/** Ports of one container. */
const MAX_PORTS = 5000;
/** What a node counts; anything else would run without what it asked for. */
const COUNTED_RESOURCES: readonly string[] = ['cpu', 'memory'];
const CONTAINER_RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];
/** How soon a pod goes is said of it as a whole. Source: GetDeletionCostFromPodAnnotations. */
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = validateVolumes(spec, path);
  // Init containers are named after the others.
  const names = new Set<string>();
  const hostPorts = new Set<string>();
  for (const field of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    const containers: readonly object[] = spec[field] ?? [];
    if (containers.length > MAX_CONTAINERS) return [forbidden(childPath(path, field), `more than ${MAX_CONTAINERS} containers`)];
  }
  for (const field of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (spec[field] ?? []).entries()) {
      const at = childPath(childPath(path, field), index);
      const { name = '' } = container;
      if (name !== '' && names.has(name)) errors.push(duplicate(childPath(at, 'name'), name));
      names.add(name);
      // An init container frees its ports for those after it.
      const ports = field === 'containers' ? hostPorts : new Set<string>();
      errors.push(...validateCommon(container, spec, at), ...validateHostPorts(container, at, ports));
      errors.push(...(field === 'containers' ? validateMain(container, spec, at) : validateInit(container, spec, at)));
    }
  }
  errors.push(...validateEphemeral(spec, path, names));
  for (const [index, ephemeral] of (spec.ephemeralContainers ?? []).entries())
    errors.push(...validateCommon(asContainer(ephemeral), spec, childPath(childPath(path, 'ephemeralContainers'), index)));
  return [
    ...errors,
    ...validateHostNetwork(spec, path),
    ...validateLabels(spec.nodeSelector, childPath(path, 'nodeSelector')),
    ...validatePodSecurity(spec, path),
    ...validateAffinity(spec.affinity ?? {}, childPath(path, 'affinity')),
    ...validateNames(spec, path),
    ...validateSpread(spec.topologySpreadConstraints ?? [], childPath(path, 'topologySpreadConstraints')),
    ...validateHostUsers(spec, path),
    ...validateTolerations(spec, path),
    ...validateGates(spec, path),
  ];
}

/** Source: validateSchedulingGates. */
function validateGates({ schedulingGates = [] }: PodSpec, path: string): FieldError[] {
  return schedulingGates.flatMap(({ name = '' }, index) => {
    const at = childPath(childPath(path, 'schedulingGates'), index);
    const errors = checkQualifiedName(name).map((detail) => invalid(at, name, detail));
    const isRepeated = schedulingGates.findIndex((other) => other.name === name) < index;
    return isRepeated ? [...errors, duplicate(at, name)] : errors;
  });
}

/** Source: validatePodHostNetworkDeps. */
function validateHostNetwork(spec: PodSpec, path: string): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  const { containers = [] }: Partial<PodSpec> = spec;
  return containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ containerPort, hostPort = 0 }, number) => {
      const at = `${childPath(childPath(path, 'containers'), index)}.ports[${number}].hostPort`;
      if (hostPort === 0 || hostPort === containerPort) return [];
      return [invalid(at, hostPort, 'must match `containerPort` when `hostNetwork` is true')];
    }),
  );
}

function validateCommon(container: Container, spec: PodSpec, path: string): FieldError[] {
  return [
    ...validatePorts(container, path),
    ...validateEnv(container, path),
    ...validateEnvFrom(container, path),
    ...validateMounts(container, spec, path),
    ...validateResources(container, path),
    ...validateContainerSecurity(container.securityContext, path, spec.hostUsers !== false),
  ];
}

function validateMain(container: Container, spec: PodSpec, path: string): FieldError[] {
  return [
    ...validateLifecycle(container, path, spec.terminationGracePeriodSeconds),
    ...validateProbes(container, path),
    ...validateContainerRestartPolicy(container, path),
  ];
}

function validateInit(container: Container, spec: PodSpec, path: string): FieldError[] {
  if (container.restartPolicy === 'Always') return validateMain(container, spec, path);
  const refused = (['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const).filter(
    (field) => container[field] !== undefined,
  );
  const why = 'may not be set for init containers without restartPolicy=Always';
  return [...refused.map((field) => forbidden(childPath(path, field), why)), ...validateContainerRestartPolicy(container, path)];
}

function validateContainerRestartPolicy({ restartPolicy }: Container, path: string): FieldError[] {
  if (restartPolicy === undefined || CONTAINER_RESTART_POLICIES.includes(restartPolicy)) return [];
  return [notSupported(childPath(path, 'restartPolicy'), restartPolicy, CONTAINER_RESTART_POLICIES)];
}

/** Annotations that mean something of a pod. Source: ValidatePodSpecificAnnotations. */
export function validatePodAnnotations(annotations: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  const cost = annotations?.[DELETION_COST];
  const isCost = cost === undefined || (/^(?:0|[+-]?[1-9]\d{0,9})$/.test(cost) && Math.abs(Number(cost)) <= 2 ** 31 - 1);
  return isCost ? [] : [invalid(keyPath(path, DELETION_COST), cost, 'must be a 32bit integer')];
}

/** Labels and annotations of a template are named without `metadata`, as Kubernetes does. */
export function validatePodTemplate(template: PodTemplateSpec = {}, path: string): FieldError[] {
  const specPath = childPath(path, 'spec');
  const errors = [
    ...validateLabels(template.metadata?.labels, childPath(path, 'labels')),
    ...validateAnnotations(template.metadata?.annotations, childPath(path, 'annotations')),
    ...validatePodAnnotations(template.metadata?.annotations, childPath(path, 'annotations')),
  ];
  if (template.spec === undefined) return [...errors, required(childPath(specPath, 'containers'))];
  if ((template.spec.ephemeralContainers ?? []).length > 0)
    errors.push(forbidden(childPath(specPath, 'ephemeralContainers'), 'ephemeral containers not allowed in pod template'));
  errors.push(...validatePodSpec(template.spec, specPath));
  return errors;
}

function validatePorts(container: Container, path: string): FieldError[] {
  const ports = container.ports ?? [];
  const list = childPath(path, 'ports');
  if (ports.length > MAX_PORTS) return [forbidden(list, `more than ${MAX_PORTS} entries`)];
  const names = new Set<string>();
  return ports.flatMap(({ name = '', hostPort = 0 }, index) => {
    const at = childPath(list, index);
    const errors = name === '' ? [] : checkPortName(name).map((message) => invalid(childPath(at, 'name'), name, message));
    if (name !== '' && errors.length === 0) {
      if (names.has(name)) errors.push(duplicate(childPath(at, 'name'), name));
      names.add(name);
    }
    if (hostPort !== 0) errors.push(...checkPortNumber(hostPort).map((message) => invalid(childPath(at, 'hostPort'), hostPort, message)));
    return errors;
  });
}

function validateHostPorts({ ports = [] }: Container, path: string, taken: Set<string>): FieldError[] {
  return ports.slice(0, MAX_PORTS).flatMap(({ protocol = 'TCP', hostIP = '', hostPort = 0 }, index) => {
    if (hostPort === 0) return [];
    const key = `${protocol}/${hostIP}/${hostPort}`;
    const isTaken = taken.has(key);
    taken.add(key);
    return isTaken ? [duplicate(`${childPath(path, 'ports')}[${index}].hostPort`, key)] : [];
  });
}

/** Resources that no node counts: storage only loses its bound, a device would be missing. And restarts that are another's than the pod's. */
export function findUnsupportedInPod(spec: PodSpec, path: string): { warnings: string[]; refused: FieldError[] } {
  const found: { warnings: string[]; refused: FieldError[] } = { warnings: [], refused: [] };
  const containers = (['initContainers', 'containers'] as const).flatMap((field) =>
    (spec[field] ?? []).map((container, index) => ({ container, field, path: childPath(childPath(path, field), index) })),
  );
  for (const { container, field: kind, path: own } of containers) {
    const at = childPath(own, 'resources');
    const { restartPolicy } = container;
    const isSidecar = kind === 'initContainers' && restartPolicy === 'Always';
    if (restartPolicy !== undefined && !isSidecar && CONTAINER_RESTART_POLICIES.includes(restartPolicy))
      found.refused.push(
        forbidden(childPath(own, 'restartPolicy'), 'not supported by Kith yet: containers are restarted as their pod says'),
      );
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

/** What serves for ever. `owner` is the kind, for the message. */
export function validateServing(spec: PodSpec | undefined, at: string, owner: string): FieldError[] {
  const { restartPolicy = 'Always', activeDeadlineSeconds } = spec ?? {};
  const errors: FieldError[] = [];
  if (restartPolicy !== 'Always') errors.push(notSupported(childPath(at, 'restartPolicy'), restartPolicy, ['Always']));
  if (activeDeadlineSeconds !== undefined)
    errors.push(forbidden(childPath(at, 'activeDeadlineSeconds'), `activeDeadlineSeconds in ${owner} is not Supported`));
  return errors;
}

/** The template of what serves for ever. */
export function validateServingTemplate(template: PodTemplateSpec = {}, path: string, owner: string): FieldError[] {
  return [...validatePodTemplate(template, path), ...validateServing(template.spec, childPath(path, 'spec'), owner)];
}
