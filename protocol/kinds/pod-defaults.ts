import type { Container, PodSpec } from '../types.ts';

/** Defaults of a pod that depend on more than one field. */
export function fillPodSpecDefaults(spec: PodSpec): void {
  // The old name and the new one are the same field to Kubernetes.
  if (spec.serviceAccountName === undefined && spec.serviceAccount !== undefined) spec.serviceAccountName = spec.serviceAccount;
  if (spec.serviceAccountName !== undefined) spec.serviceAccount = spec.serviceAccountName;
  // A volume of no sort is an empty folder.
  for (const volume of spec.volumes ?? []) if (Object.keys(volume).length === 1) volume.emptyDir = {};
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])]) {
    if (spec.hostNetwork === true) for (const port of container.ports ?? []) port.hostPort ??= port.containerPort;
    container.imagePullPolicy ??= pullsAlways(container.image ?? '') ? 'Always' : 'IfNotPresent';
    fillRequestDefaults(container);
    for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) fillProbeDefaults(probe);
  }
}

/** A zero means the default. */
function fillProbeDefaults(probe: Container['livenessProbe']): void {
  if (probe === undefined) return;
  if (probe.timeoutSeconds === 0) probe.timeoutSeconds = 1;
  if (probe.periodSeconds === 0) probe.periodSeconds = 10;
  if (probe.successThreshold === 0) probe.successThreshold = 1;
  if (probe.failureThreshold === 0) probe.failureThreshold = 3;
}

/** Kubernetes pulls what may have changed: no tag, or `latest`. A digest never changes. */
function pullsAlways(image: string): boolean {
  if (image.includes('@')) return false;
  const lastPart = image.slice(image.lastIndexOf('/') + 1);
  const colon = lastPart.indexOf(':');
  return colon < 0 || lastPart.slice(colon + 1) === 'latest';
}

/** What is limited is also requested, unless the request says otherwise. */
function fillRequestDefaults(container: Container): void {
  const limits = container.resources?.limits;
  if (limits === undefined || container.resources === undefined) return;
  container.resources.requests = { ...limits, ...container.resources.requests };
}
