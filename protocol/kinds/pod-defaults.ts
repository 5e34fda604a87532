import type { Container, PodSpec } from '../types.ts';

/** Defaults of a pod that depend on more than one field. */
export function fillPodSpecDefaults(spec: PodSpec): void {
  // The old name and the new one are the same field to Kubernetes.
  if (spec.serviceAccountName === undefined && spec.serviceAccount !== undefined) spec.serviceAccountName = spec.serviceAccount;
  if (spec.serviceAccountName !== undefined) spec.serviceAccount = spec.serviceAccountName;
  for (const container of spec.containers ?? []) {
    container.imagePullPolicy ??= pullsAlways(container.image ?? '') ? 'Always' : 'IfNotPresent';
    fillRequestDefaults(container);
  }
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
