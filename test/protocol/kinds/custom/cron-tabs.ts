import type { JsonObject } from '../../../../protocol/json.ts';

/** A definition for tests: two versions, with subresources and columns. */
export function cronTabs(): JsonObject & { spec: JsonObject } {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'crontabs.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'crontabs', kind: 'CronTab', shortNames: ['ct'] },
      versions: [version('v1'), version('v1beta1', { storage: false, deprecated: true })],
    },
  };
}

export function version(name: string, more: JsonObject = {}): JsonObject {
  const spec = {
    type: 'object',
    required: ['cronSpec'],
    properties: {
      cronSpec: { type: 'string' },
      image: { type: 'string' },
      replicas: { type: 'integer', minimum: 0, default: 1 },
      any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  };
  const status = { type: 'object', properties: { replicas: { type: 'integer' } } };
  return {
    name,
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
    subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
    additionalPrinterColumns: [
      { name: 'Spec', type: 'string', jsonPath: '.spec.cronSpec' },
      { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
    ...more,
  };
}
