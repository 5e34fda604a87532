import type { DraftObject, KubeObject, StoredObject } from '../../objects.ts';
import { jsonEqual } from '../../json.ts';
import { boolean, keyedList, list, map, object, string, stringMap } from '../../schema/build.ts';
import { forbidden, invalid, keyPath, required, tooLong } from '../../schema/field-errors.ts';
import { column, fieldColumn, integerColumn } from '../columns.ts';
import type { FieldError } from '../kind.ts';
import { objectReferenceSchema } from './references.ts';
import { storedKind } from './stored-kind.ts';

/** Configuration of programs, and who they are. */

/** Bytes of all values together. Source: MaxSecretSize. */
const MAX_DATA_BYTES = 1024 * 1024;
const MAX_ENCODED_BYTES = Math.ceil(MAX_DATA_BYTES / 3) * 4;
const KEY = /^[-._a-zA-Z0-9]+$/;
const KEY_MESSAGE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/** Values that come as base64. */
const bytes = string('Its value, in base64.', { format: 'byte' });

interface Data {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
  stringData?: Record<string, string>;
  immutable?: boolean;
  type?: string;
}

function dataOf(object: KubeObject | DraftObject): Data {
  return object as Data;
}

export const configMapKind = storedKind({
  group: '',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  description: 'Configuration as keys and values.',
  fields: {
    data: stringMap('Texts by key.'),
    binaryData: map('Bytes by key, in base64.', bytes),
    immutable: boolean('Its data can not be changed any more.'),
  },
  units: ['/data', '/binaryData'],
  validate: (draft) => {
    const { data, binaryData } = dataOf(draft);
    return [
      ...checkData(data, 'data', MAX_DATA_BYTES),
      ...checkData(binaryData, 'binaryData', MAX_ENCODED_BYTES),
      ...checkTwice(dataOf(draft)),
    ];
  },
  validateUpdate: validateImmutable,
  columns: [integerColumn('Data', 'Number of keys.', (object) => countOf(dataOf(object).data) + countOf(dataOf(object).binaryData))],
});

/** Keys that a Secret of a type must have. Source: ValidateSecret. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

const ACCOUNT_TOKEN = 'kubernetes.io/service-account-token';
const NO_ACCOUNT_TOKEN = 'type: is kept but has no effect yet: no token is put into it; ask for one with "kubectl create token"';

export const secretKind = storedKind({
  group: '',
  kind: 'Secret',
  plural: 'secrets',
  description: 'Configuration that not everybody may read. Members of the cluster hold it unencrypted.',
  fields: {
    data: map('Bytes by key, in base64.', bytes),
    stringData: stringMap('Texts by key, on write only: they become data.'),
    type: string('What it is for; programs and rules go by it.', { default: 'Opaque' }),
    immutable: boolean('Its data can not be changed any more.'),
  },
  units: ['/data'],
  secret: ['data', 'stringData'],
  fillDefaults: (draft) => {
    const secret = dataOf(draft);
    if (secret.stringData === undefined) return;
    secret.data ??= {};
    for (const [key, text] of Object.entries(secret.stringData)) secret.data[key] = Buffer.from(text).toString('base64');
    delete secret.stringData;
  },
  validate: (draft) => [...checkData(dataOf(draft).data, 'data', MAX_ENCODED_BYTES), ...checkSecretType(draft)],
  findUnsupported: (draft) => ({ warnings: dataOf(draft).type === ACCOUNT_TOKEN ? [NO_ACCOUNT_TOKEN] : [], refused: [] }),
  validateUpdate: (before, after) => {
    const errors = validateImmutable(before, after);
    const { type = 'Opaque' } = dataOf(after);
    if (type !== dataOf(before).type) errors.push(invalid('type', type, 'field is immutable'));
    return errors;
  },
  columns: [
    fieldColumn('Type', 'type', 'What it is for.'),
    integerColumn('Data', 'Number of keys.', (object) => countOf(dataOf(object).data)),
  ],
});

export const serviceAccountKind = storedKind({
  group: '',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  description: 'Who a program is to the API.',
  fields: {
    secrets: keyedList('Secrets that its pods may use.', 'name', objectReferenceSchema),
    imagePullSecrets: list('Credentials for registries.', object('LocalObjectReference', 'A Secret.', { name: string('Its name.') }), {
      listMapKeys: ['name'],
      patchMergeKey: 'name',
    }),
    automountServiceAccountToken: boolean('Whether its pods get a token, unless they say themselves.'),
  },
  subresources: ['token'],
  units: [],
  columns: [
    column('Secrets', 'Number of secrets.', (object) => ((object as { secrets?: unknown[] }).secrets ?? []).length, { type: 'integer' }),
  ],
});

function countOf(data: object | undefined): number {
  return Object.keys(data ?? {}).length;
}

/** Messages name keys only: values may be secret. */
function checkData(given: Record<string, string> | undefined, field: string, limit: number): FieldError[] {
  const data = Object.entries(given ?? {});
  const errors = data.flatMap(([key]) => {
    const path = keyPath(field, key);
    if (key.length > 253) return [invalid(path, key, 'must be no more than 253 characters')];
    if (!KEY.test(key)) return [invalid(path, key, KEY_MESSAGE)];
    return key === '.' || key === '..' || key.startsWith('..') ? [invalid(path, key, `must not start with '..' and must not be '.'`)] : [];
  });
  const size = data.reduce((sum, [, value]) => sum + value.length, 0);
  if (size > limit) errors.push(tooLong(field, MAX_DATA_BYTES));
  return errors;
}

function checkTwice({ data = {}, binaryData = {} }: Data): FieldError[] {
  return Object.keys(data)
    .filter((key) => Object.hasOwn(binaryData, key))
    .map((key) => invalid(keyPath('data', key), key, 'duplicate of key present in binaryData'));
}

function checkSecretType(draft: DraftObject): FieldError[] {
  const { type = '', data = {} } = dataOf(draft);
  const errors = (REQUIRED_KEYS[type] ?? []).filter((key) => !Object.hasOwn(data, key)).map((key) => required(keyPath('data', key)));
  if (type === 'kubernetes.io/basic-auth' && data['username'] === undefined && data['password'] === undefined) {
    errors.push(required(keyPath('data', 'username')), required(keyPath('data', 'password')));
  }
  if (type === ACCOUNT_TOKEN) {
    const name = draft.metadata.annotations?.['kubernetes.io/service-account.name'] ?? '';
    if (name === '') errors.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
  }
  return errors;
}

function validateImmutable(before: StoredObject, after: DraftObject): FieldError[] {
  if (dataOf(before).immutable !== true) return [];
  const [old, now] = [dataOf(before), dataOf(after)];
  const errors: FieldError[] = [];
  if (now.immutable !== true) errors.push(forbidden('immutable', 'field is immutable when `immutable` is set'));
  for (const field of ['data', 'binaryData'] as const) {
    if (!jsonEqual(old[field] ?? {}, now[field] ?? {})) errors.push(forbidden(field, 'field is immutable when `immutable` is set'));
  }
  return errors;
}
