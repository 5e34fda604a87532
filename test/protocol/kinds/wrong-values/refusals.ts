import { expect } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { toStoredVersion, validateObjectUpdate } from '../../../../protocol/kinds/admission.ts';
import type { FieldError } from '../../../../protocol/kinds/kind.ts';
import type { StoredObject } from '../../../../protocol/objects.ts';
import { admit, refuse } from '../objects.ts';

/** Short ways to write down what Kubernetes 1.35 says of wrong values: each row is a manifest and all its causes, in order, as kubectl prints them. */

/** What kubectl shows of a cause begins with the words of its reason. */
const WORDS: Readonly<Record<FieldError['reason'], string>> = {
  FieldValueRequired: 'Required value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueForbidden: 'Forbidden',
  FieldValueNotFound: 'Not found',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueTypeInvalid: 'Invalid value',
};

export const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
export const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
export const LABEL_1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
export const QUALIFIED =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
export const LABEL_VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
export const CONFIG_KEY =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
export const PERCENT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
export const PORT = 'must be between 1 and 65535, inclusive';
export const NO_MATCH = '`selector` does not match template `labels`';

/** `apps/v1 Deployment`, named `x` unless the fields say otherwise. */
export function manifest(typeMeta: string, fields: JsonObject): JsonObject {
  const [apiVersion = '', kind = ''] = typeMeta.split(' ');
  return { apiVersion, kind, metadata: { name: 'x' }, ...structuredClone(fields) };
}

/** All causes of a refused creation. */
export function wrong(value: JsonObject): string[] {
  return told(refuse(value).causes);
}

/** All causes of a refused change, which would be fine by itself. */
export function wrongUpdate(before: JsonObject, after: JsonObject, status?: JsonObject): string[] {
  const { kind, object } = admit(before);
  const next = toStoredVersion(kind, admit(after).object).draft;
  return told(validateObjectUpdate(kind.storedAs?.kind ?? kind, { ...(object as StoredObject), ...(status && { status }) }, next));
}

export function told(causes: readonly FieldError[]): string[] {
  for (const { reason, message } of causes) expect(message.startsWith(WORDS[reason]), `${reason}: ${message}`).toBe(true);
  return causes.map(({ field, message }) => `${field}: ${message}`);
}
