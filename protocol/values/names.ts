/**
 * Kubernetes' rules for names, labels and the like, with its exact wording: each check answers with the messages of what is wrong, none when all is well.
 * Source: k8s.io/apimachinery/pkg/util/validation.
 */

/** Characters. */
export const MAX_LABEL_LENGTH = 63;
export const MAX_SUBDOMAIN_LENGTH = 253;

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED})?`;
const ENV_NAME = '[-._a-zA-Z][-._a-zA-Z0-9]*';

const CONFIG_KEY = '[-._a-zA-Z0-9]+';

const CONFIG_KEY_REGEX = new RegExp(`^${CONFIG_KEY}$`);
const LABEL_REGEX = new RegExp(`^${LABEL}$`);
const SUBDOMAIN_REGEX = new RegExp(`^${SUBDOMAIN}$`);
const QUALIFIED_REGEX = new RegExp(`^${QUALIFIED}$`);
const LABEL_VALUE_REGEX = new RegExp(`^${LABEL_VALUE}$`);
const ENV_NAME_REGEX = new RegExp(`^${ENV_NAME}$`);

const LABEL_MESSAGE = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`;
const SUBDOMAIN_MESSAGE = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`;
const QUALIFIED_MESSAGE = `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`;
const LABEL_VALUE_MESSAGE = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${LABEL_VALUE}')`;
const ENV_NAME_MESSAGE = `a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '${ENV_NAME}')`;

const CONFIG_KEY_MESSAGE = `a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '${CONFIG_KEY}')`;

/** A name that is one label of a DNS name: namespaces, containers, hostnames. */
export function checkDnsLabel(value: string): string[] {
  // Length first, and alone, so that no pattern ever runs over a megabyte.
  if (value.length > MAX_LABEL_LENGTH) return [tooLong(MAX_LABEL_LENGTH)];
  return LABEL_REGEX.test(value) ? [] : [LABEL_MESSAGE];
}

/** A name that may have dots: most objects. */
export function checkDnsSubdomain(value: string): string[] {
  if (value.length > MAX_SUBDOMAIN_LENGTH) return [tooLong(MAX_SUBDOMAIN_LENGTH)];
  return SUBDOMAIN_REGEX.test(value) ? [] : [SUBDOMAIN_MESSAGE];
}

/** A label's or annotation's key: `app`, `example.com/app`. */
export function checkQualifiedName(value: string): string[] {
  const slash = value.indexOf('/');
  const prefix = slash < 0 ? undefined : value.slice(0, slash);
  const name = value.slice(slash + 1);
  if (name.includes('/')) {
    return [`a qualified name ${QUALIFIED_MESSAGE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const messages: string[] = [];
  if (prefix === '') messages.push('prefix part must be non-empty');
  else if (prefix !== undefined) messages.push(...checkDnsSubdomain(prefix).map((message) => `prefix part ${message}`));
  if (name === '') messages.push('name part must be non-empty', `name part ${QUALIFIED_MESSAGE}`);
  else if (name.length > MAX_LABEL_LENGTH) messages.push(`name part ${tooLong(MAX_LABEL_LENGTH)}`);
  else if (!QUALIFIED_REGEX.test(name)) messages.push(`name part ${QUALIFIED_MESSAGE}`);
  return messages;
}

export function checkLabelValue(value: string): string[] {
  if (value.length > MAX_LABEL_LENGTH) return [tooLong(MAX_LABEL_LENGTH)];
  return LABEL_VALUE_REGEX.test(value) ? [] : [LABEL_VALUE_MESSAGE];
}

/** A key of a ConfigMap or a Secret. */
export function checkConfigKey(value: string): string[] {
  if (value.length > MAX_SUBDOMAIN_LENGTH) return [tooLong(MAX_SUBDOMAIN_LENGTH)];
  if (!CONFIG_KEY_REGEX.test(value)) return [CONFIG_KEY_MESSAGE];
  if (value === '.') return ["must not be '.'"];
  if (value === '..') return ["must not be '..'"];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

export function checkEnvName(value: string): string[] {
  if (value.length > MAX_SUBDOMAIN_LENGTH) return [tooLong(MAX_SUBDOMAIN_LENGTH)];
  const messages = ENV_NAME_REGEX.test(value) ? [] : [ENV_NAME_MESSAGE];
  if (value === '.') messages.push("must not be '.'");
  else if (value === '..') messages.push("must not be '..'");
  else if (value.startsWith('..')) messages.push("must not start with '..'");
  return messages;
}

/** A port's name (RFC 6335 section 5.1). */
export function checkPortName(value: string): string[] {
  const messages: string[] = [];
  if (value.length > 15) return ['must be no more than 15 characters'];
  if (!/^[-a-z0-9]+$/.test(value)) messages.push('must contain only alphanumeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) messages.push('must contain at least one letter (a-z)');
  if (value.includes('--')) messages.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) messages.push('must not begin or end with a hyphen');
  return messages;
}

export function checkIpAddress(value: string): string[] {
  return isIpv4(value) || isIpv6(value) ? [] : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
}

function isIpv4(value: string): boolean {
  return value.length <= 15 && /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(value);
}

function isIpv6(value: string): boolean {
  // The URL parser (WHATWG) knows all forms of RFC 4291; zones are refused by it, as by Kubernetes.
  return value.length <= 45 && value.includes(':') && /^[0-9a-fA-F:.]+$/.test(value) && URL.canParse(`http://[${value}]/`);
}

function tooLong(limit: number): string {
  return `must be no more than ${limit} characters`;
}
