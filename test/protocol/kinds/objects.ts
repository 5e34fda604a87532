import type { AdmissionOptions, AdmittedObject, RefusedObject } from '../../../protocol/kinds/admission.ts';
import { decodeObject } from '../../../protocol/kinds/admission.ts';
import type { JsonObject } from '../../../protocol/json.ts';

/** Small objects for tests, and short ways to send them through the gate. */

export function pod(spec: JsonObject = {}, container: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x' },
    spec: { containers: [{ name: 'a', image: 'nginx:1.7.9', ...container }], ...spec },
  };
}

export function deployment(spec: JsonObject = {}, apiVersion = 'apps/v1'): JsonObject {
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'nginx' }] } };
  const selector = { matchLabels: { app: 'web' } };
  return { apiVersion, kind: 'Deployment', metadata: { name: 'web' }, spec: { selector, template, ...spec } };
}

export function admit(value: unknown, options: Partial<AdmissionOptions> = {}): AdmittedObject {
  const result = decodeObject(value, { fieldValidation: 'Strict', ...options });
  if (!result.ok) throw new Error(`refused: ${result.message}`);
  return result;
}

export function refuse(value: unknown, options: Partial<AdmissionOptions> = {}): RefusedObject {
  const result = decodeObject(value, { fieldValidation: 'Strict', ...options });
  if (result.ok) throw new Error('was let through');
  return result;
}
