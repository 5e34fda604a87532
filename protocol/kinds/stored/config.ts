import type { DraftObject, KubeObject, StoredObject } from '../../objects.ts';
import { jsonEqual } from '../../json.ts';
import { boolean, keyedList, list, map, object, string, stringMap } from '../../schema/build.ts';
import { forbidden, invalid, keyPath, required, tooLong } from '../../schema/field-errors.ts';
import { checkConfigKey } from '../../values/names.ts';
import { column, fieldColumn, integerColumn } from '../columns.ts';
import type { FieldError } from '../kind.ts';
import { objectReferenceSchema } from './references.ts';
import { storedKind } from './stored-kind.ts';

/** Configuration of programs, and who they are. */

/** Bytes of all values together. Source: MaxSecretSize. */
const MAX_DATA_BYTES = 1024 * 1024;

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
    const { data = {}, binaryData = {} } = dataOf(draft);
    const errors = [...checkKeys(data, 'data'), ...checkTwice(dataOf(draft)), ...checkKeys(binaryData, 'binaryData')];
    const bytes = sizeOf(data, (text) => Buffer.byteLength(text)) + sizeOf(binaryData, decodedLength);
    // Said of nothing in particular, as Kubernetes does.
    return bytes > MAX_DATA_BYTES ? [...errors, tooLong('[]', MAX_DATA_BYTES)] : errors;
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

const DOCKER_KEYS: Readonly<Record<string, string>> = {
  'kubernetes.io/dockercfg': '.dockercfg',
  'kubernetes.io/dockerconfigjson': '.dockerconfigjson',
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
  validate: (draft) => {
    const { data = {} } = dataOf(draft);
    const errors = checkKeys(data, 'data');
    if (sizeOf(data, decodedLength) > MAX_DATA_BYTES) errors.push(tooLong('data', MAX_DATA_BYTES));
    return [...errors, ...checkSecretType(draft)];
  },
  findUnsupported: (draft) => ({ warnings: dataOf(draft).type === ACCOUNT_TOKEN ? [NO_ACCOUNT_TOKEN] : [], refused: [] }),
  validateUpdate: (before, after) => {
    const { type = 'Opaque' } = dataOf(after);
    const errors = type === dataOf(before).type ? [] : [invalid('type', type, 'field is immutable')];
    return [...errors, ...validateImmutable(before, after)];
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

function sizeOf(data: Readonly<Record<string, string>>, length: (value: string) => number): number {
  return Object.values(data).reduce((sum, value) => sum + length(value), 0);
}

/** Bytes that a text in base64 stands for. */
function decodedLength(value: string): number {
  return Buffer.byteLength(value, 'base64');
}

/** Messages name keys only: values may be secret. */
function checkKeys(data: Readonly<Record<string, string>>, field: string): FieldError[] {
  return Object.keys(data).flatMap((key) => checkConfigKey(key).map((message) => invalid(keyPath(field, key), key, message)));
}

function checkTwice({ data = {}, binaryData = {} }: Data): FieldError[] {
  return Object.keys(data)
    .filter((key) => Object.hasOwn(binaryData, key))
    .map((key) => invalid(keyPath('data', key), key, 'duplicate of key present in binaryData'));
}

/** Source: ValidateSecret. */
function checkSecretType(draft: DraftObject): FieldError[] {
  const { type = '', data = {} } = dataOf(draft);
  const errors = (REQUIRED_KEYS[type] ?? [])
    .filter((key) => !Object.hasOwn(data, key) || (type === 'kubernetes.io/ssh-auth' && data[key] === ''))
    .map((key) => required(keyPath('data', key)));
  const docker = Object.hasOwn(DOCKER_KEYS, type) ? DOCKER_KEYS[type] : undefined;
  if (docker !== undefined && errors.length === 0) errors.push(...checkJson(data[docker] ?? '', keyPath('data', docker)));
  if (type === 'kubernetes.io/basic-auth' && data['username'] === undefined && data['password'] === undefined) {
    errors.push(required(keyPath('data', 'username')), required(keyPath('data', 'password')));
  }
  if (type === ACCOUNT_TOKEN) {
    const name = draft.metadata.annotations?.['kubernetes.io/service-account.name'] ?? '';
    if (name === '') errors.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
  }
  return errors;
}

/** Go tells what it stumbled over; what it was is secret, so that only the commonest of its words are given here. */
function checkJson(encoded: string, at: string): FieldError[] {
  const text = Buffer.from(encoded, 'base64').toString();
  const wrong = (detail: string): FieldError[] => [invalid(at, '<secret contents redacted>', detail)];
  if (text.trim() === '') return wrong('unexpected end of JSON input');
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || (typeof value === 'object' && !Array.isArray(value))) return [];
    const sort = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    return wrong(`json: cannot unmarshal ${sort} into Go value of type map[string]interface {}`);
  } catch {
    return wrong('invalid character looking for beginning of value');
  }
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
