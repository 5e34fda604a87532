import { any, object, string } from '../schema/build.ts';
import { childPath, duplicate, forbidden, notFound, required } from '../schema/field-errors.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import { jsonEqual } from '../json.ts';
import type { Container, PodSpec } from '../types.ts';
import { containerSchema } from './container.ts';
import type { FieldError } from './kind.ts';

/**
 * Containers that are added to a pod while it runs, to look at it (`kubectl debug`). They are started once, and none is taken away again. Source of rules and words:
 * validateEphemeralContainers and ValidatePodEphemeralContainersUpdate in pkg/apis/core/validation/validation.go.
 */
export type EphemeralContainer = NonNullable<PodSpec['ephemeralContainers']>[number];

const REFUSED = [
  ...['ports', 'resources', 'resizePolicy', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle', 'restartPolicy'],
] as const;
const WHY = 'cannot be set for an Ephemeral Container';

export const ephemeralContainerSchema: ObjectSchema = object(
  'EphemeralContainer',
  'A program that is added to look at the others.',
  {
    ...containerSchema.fields,
    ...Object.fromEntries(REFUSED.map((field) => [field, any('Of other containers only.', { support: 'refused', why: WHY })])),
    targetContainerName: string('The container whose processes it sees. On the process runtime all programs see all.'),
  },
  { required: ['name'] },
);

/** What the rules for all containers do not say. @param taken names of the other containers */
export function validateEphemeral(spec: PodSpec, path: string, taken: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set(taken);
  for (const [index, container] of (spec.ephemeralContainers ?? []).entries()) {
    const at = childPath(childPath(path, 'ephemeralContainers'), index);
    const { name, image, targetContainerName = '', volumeMounts = [] } = container;
    if (seen.has(name)) errors.push(duplicate(childPath(at, 'name'), name));
    seen.add(name);
    if ((image ?? '') === '') errors.push(required(childPath(at, 'image')));
    if (targetContainerName !== '' && !taken.has(targetContainerName))
      errors.push(notFound(childPath(at, 'targetContainerName'), targetContainerName));
    for (const [mount, { subPath, subPathExpr }] of volumeMounts.entries()) {
      const where = childPath(childPath(at, 'volumeMounts'), mount);
      if ((subPath ?? '') !== '') errors.push(forbidden(childPath(where, 'subPath'), WHY));
      if ((subPathExpr ?? '') !== '') errors.push(forbidden(childPath(where, 'subPathExpr'), WHY));
    }
  }
  return errors;
}

export function validateEphemeralUpdate(before: PodSpec, after: PodSpec): FieldError[] {
  const next = new Map((after.ephemeralContainers ?? []).map((container) => [container.name, container]));
  return (before.ephemeralContainers ?? []).flatMap((container) => {
    const { name } = container;
    const now = next.get(name);
    if (now !== undefined && jsonEqual(container, now)) return [];
    const what = now === undefined ? 'removed' : 'changed';
    return [forbidden('spec.ephemeralContainers', `existing ephemeral containers ${JSON.stringify(name)} may not be ${what}\n`)];
  });
}

/** As a container like any other, which it is to whatever runs it. */
export function asContainer({ targetContainerName: _target, ...container }: EphemeralContainer): Container {
  return container;
}
