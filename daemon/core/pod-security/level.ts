/**
 * What pods of a namespace may ask of their node: Kubernetes' pod security standards, by the labels of the namespace. Without a label `baseline` is enforced, but for
 * hostPort, which takes nothing that is not counted.
 */
import type { DraftObject, StoredObject } from '../../../protocol/objects.ts';
import type { PodSpec } from '../../../protocol/types.ts';
import { baselineFindings } from './baseline.ts';
import { restrictedFindings } from './restricted.ts';

export interface Finding {
  reason: string;
  detail: string;
}

const LABEL = 'pod-security.kubernetes.io/';
const LEVELS: readonly string[] = ['privileged', 'baseline', 'restricted'];

/** Upstream enforces nothing unless a label says so: who comes from there is told which one. */
const HINT = `; label the namespace ${LABEL}enforce=privileged to allow it`;

/** `violates PodSecurity "baseline:latest": …`; undefined when all is well. An unknown level is the strictest, as upstream. */
export function violation(
  mode: 'enforce' | 'warn',
  namespace: Pick<DraftObject, 'metadata'> | undefined,
  spec: PodSpec,
): string | undefined {
  const labels = namespace?.metadata.labels ?? {};
  const label = labels[`${LABEL}${mode}`];
  if (label === undefined && mode === 'warn') return undefined;
  const level = label === undefined ? 'baseline' : LEVELS.includes(label) ? label : 'restricted';
  const version = labels[`${LABEL}${mode}-version`] ?? 'latest';
  const found = findings(level, spec, label !== undefined);
  if (found.length === 0) return undefined;
  const verb = mode === 'enforce' ? 'violates' : 'would violate';
  const what = found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
  return `${verb} PodSecurity "${level}:${version}": ${what}${label === undefined ? HINT : ''}`;
}

function findings(level: string, spec: PodSpec, hostPorts: boolean): Finding[] {
  if (level === 'privileged') return [];
  const found = baselineFindings(spec, hostPorts);
  return level === 'baseline' ? found : [...found, ...restrictedFindings(spec)];
}

/** The pod, or the template of pods, in an object of a kind that makes some. */
export function podSpecIn(resource: string, object: DraftObject | StoredObject): PodSpec | undefined {
  const spec = object['spec'] as { template?: { spec?: PodSpec }; jobTemplate?: { spec?: { template?: { spec?: PodSpec } } } } | undefined;
  if (resource === 'pods') return spec as PodSpec | undefined;
  if (resource === 'cronjobs.batch') return spec?.jobTemplate?.spec?.template?.spec;
  return MAKERS.has(resource) ? spec?.template?.spec : undefined;
}

const MAKERS: ReadonlySet<string> = new Set([
  ...['daemonsets.apps', 'deployments.apps', 'jobs.batch', 'replicasets.apps', 'replicationcontrollers', 'statefulsets.apps'],
]);
