import { any, boolean, keyedList, list, object, quantity, string } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';

/** Where a container's environment comes from. */

const optional = boolean('Whether it may be missing.');

function keySelector(typeName: string, what: string): Schema {
  return object(
    typeName,
    `A key of a ${what}.`,
    { name: string('Its name.', { default: '' }), key: string('The key.'), optional },
    { required: ['key'] },
  );
}

function envSource(typeName: string, what: string): Schema {
  return object(typeName, `All keys of a ${what}.`, { name: string('Its name.', { default: '' }), optional });
}

/** A field of the pod, in the environment or in a file. */
export const fieldRefSchema: Schema = object(
  'ObjectFieldSelector',
  'A field of the pod.',
  { apiVersion: string('Version of the path.', { default: 'v1' }), fieldPath: string('Path of the field, for example `status.podIP`.') },
  { required: ['fieldPath'] },
);

/** What a container may use, in the environment or in a file. */
export const resourceFieldRefSchema: Schema = object(
  'ResourceFieldSelector',
  'A request or limit of a container.',
  {
    containerName: string('The container; this one by default.'),
    resource: string('For example `limits.cpu`.'),
    divisor: quantity('Unit of the answer.', { default: '0' }),
  },
  { required: ['resource'] },
);

export const envSchema: Schema = keyedList(
  'Environment variables.',
  'name',
  object(
    'EnvVar',
    'An environment variable.',
    {
      name: string('Its name.'),
      value: string('Its value; `$(VAR)` is expanded.'),
      valueFrom: object('EnvVarSource', 'Where the value comes from.', {
        fieldRef: fieldRefSchema,
        resourceFieldRef: resourceFieldRefSchema,
        configMapKeyRef: keySelector('ConfigMapKeySelector', 'ConfigMap'),
        secretKeyRef: keySelector('SecretKeySelector', 'Secret'),
        fileKeyRef: any('A key of a file in a volume.', { support: 'refused', why: 'the variable would be missing' }),
      }),
    },
    { required: ['name'] },
  ),
);

export const envFromSchema: Schema = list(
  'Environment variables from all keys of ConfigMaps and Secrets; `env` wins.',
  object('EnvFromSource', 'A ConfigMap or a Secret.', {
    prefix: string('Comes before each name.'),
    configMapRef: envSource('ConfigMapEnvSource', 'ConfigMap'),
    secretRef: envSource('SecretEnvSource', 'Secret'),
  }),
);
