import type { DesiredObject, StoredObject } from '../../../../protocol/objects.ts';
import type { Container, JobSpec, PodTemplateSpec } from '../../../../protocol/types.ts';
import { isIndexed, jobSpec } from './facts.ts';

/** Upstream's names. */
export const INDEX_KEY = 'batch.kubernetes.io/job-completion-index';
const INDEX_VARIABLE = 'JOB_COMPLETION_INDEX';
const NAME_LABELS = ['batch.kubernetes.io/job-name', 'job-name'] as const;
const UID_LABELS = ['batch.kubernetes.io/controller-uid', 'controller-uid'] as const;

/**
 * The spec of a Job with the selector and the labels that Kubernetes gives it; undefined when it has them. They name the uid, which is known only once the
 * Job is there, so that the controller adds them.
 */
export function selectedSpec(job: DesiredObject): JobSpec | undefined {
  const spec = jobSpec(job.object);
  if (spec.selector !== undefined || spec.manualSelector === true) return undefined;
  const names = NAME_LABELS.map((label) => [label, job.object.metadata.name]);
  const uids = UID_LABELS.map((label) => [label, job.uid]);
  const added = Object.fromEntries([...names, ...uids]) as Record<string, string>;
  const labels = { ...spec.template.metadata?.labels, ...added };
  const template: PodTemplateSpec = { ...spec.template, metadata: { ...spec.template.metadata, labels } };
  return { ...spec, selector: { matchLabels: { [UID_LABELS[0]]: job.uid } }, template };
}

/** The template of one index: it is told its number, and named by it. */
export function jobTemplate(job: StoredObject, index: number): PodTemplateSpec {
  const { template } = jobSpec(job);
  if (!isIndexed(job) || template.spec === undefined) return template;
  const { metadata, spec } = template;
  const told = (container: Container): Container => {
    if (container.env?.some(({ name }) => name === INDEX_VARIABLE) === true) return container;
    const variable = {
      name: INDEX_VARIABLE,
      valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.annotations['${INDEX_KEY}']` } },
    };
    return { ...container, env: [...(container.env ?? []), variable] };
  };
  const { containers, initContainers } = spec;
  return {
    metadata: {
      ...metadata,
      labels: { ...metadata?.labels, [INDEX_KEY]: `${index}` },
      annotations: { ...metadata?.annotations, [INDEX_KEY]: `${index}` },
    },
    spec: {
      ...spec,
      hostname: spec.hostname ?? `${job.metadata.name}-${index}`,
      containers: containers.map(told),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(told) }),
    },
  };
}
