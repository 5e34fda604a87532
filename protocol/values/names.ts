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
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const UNDERSCORED_LABEL = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const UNDERSCORED = `${UNDERSCORED_LABEL}(\\.${UNDERSCORED_LABEL})*`;
const WILDCARD = `\\*\\.${SUBDOMAIN}`;
const HTTP_HEADER = '[-A-Za-z0-9]+';
const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const CONFIG_KEY = '[-._a-zA-Z0-9]+';

const CONFIG_KEY_REGEX = new RegExp(`^${CONFIG_KEY}$`);
const LABEL_REGEX = new RegExp(`^${LABEL}$`);
const SUBDOMAIN_REGEX = new RegExp(`^${SUBDOMAIN}$`);
const QUALIFIED_REGEX = new RegExp(`^${QUALIFIED}$`);
const LABEL_VALUE_REGEX = new RegExp(`^${LABEL_VALUE}$`);
const LABEL_1035_REGEX = new RegExp(`^${LABEL_1035}$`);
const UNDERSCORED_REGEX = new RegExp(`^${UNDERSCORED}$`);
const WILDCARD_REGEX = new RegExp(`^${WILDCARD}$`);
const HTTP_HEADER_REGEX = new RegExp(`^${HTTP_HEADER}$`);
const HTTP_PATH_REGEX = new RegExp(`^${HTTP_PATH}$`);

const LABEL_MESSAGE = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`;
const SUBDOMAIN_MESSAGE = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`;
const QUALIFIED_MESSAGE = `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`;
const LABEL_VALUE_MESSAGE = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${LABEL_VALUE}')`;
const ENV_NAME_MESSAGE = "a valid environment variable name must consist only of printable ASCII characters other than '='";
const LABEL_1035_MESSAGE = `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${LABEL_1035}')`;
const UNDERSCORED_MESSAGE = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${UNDERSCORED}')`;
const WILDCARD_MESSAGE = `a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '${WILDCARD}')`;
const HTTP_HEADER_MESSAGE = `a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '${HTTP_HEADER}')`;
const CONFIG_KEY_MESSAGE = `a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '${CONFIG_KEY}')`;

/** A name that is one label of a DNS name: namespaces, containers, hostnames. */
export function checkDnsLabel(value: string): string[] {
  const message = matches(value, SUBDOMAIN_REGEX) ? 'must not contain dots' : LABEL_MESSAGE;
  return checkText(value, MAX_LABEL_LENGTH, LABEL_REGEX, message);
}

/** A name that may have dots: most objects. */
export function checkDnsSubdomain(value: string): string[] {
  return checkText(value, MAX_SUBDOMAIN_LENGTH, SUBDOMAIN_REGEX, SUBDOMAIN_MESSAGE);
}

/** The same with underscores: a search domain. */
export function checkUnderscoredSubdomain(value: string): string[] {
  return checkText(value, MAX_SUBDOMAIN_LENGTH, UNDERSCORED_REGEX, UNDERSCORED_MESSAGE);
}

/** A label that begins with a letter: a new Service. */
export function checkDns1035Label(value: string): string[] {
  return checkText(value, MAX_LABEL_LENGTH, LABEL_1035_REGEX, LABEL_1035_MESSAGE);
}

/** `*.example.com` */
export function checkWildcardSubdomain(value: string): string[] {
  return checkText(value, MAX_SUBDOMAIN_LENGTH, WILDCARD_REGEX, WILDCARD_MESSAGE);
}

export function checkHttpHeaderName(value: string): string[] {
  return HTTP_HEADER_REGEX.test(value) ? [] : [HTTP_HEADER_MESSAGE];
}

/** Names may hold colons: `system:discovery`. Source: path.IsValidPathSegmentName, which bounds no length. */
export function checkPathSegment(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  if (name.length > MAX_SUBDOMAIN_LENGTH) return [tooLong(MAX_SUBDOMAIN_LENGTH)];
  return ['/', '%'].filter((part) => name.includes(part)).map((part) => `may not contain '${part}'`);
}

/** `acme.io/foo`; each message with the part that it is about. Source: IsDomainPrefixedPath. */
export function checkDomainPrefixedPath(value: string): { part: string; message: string }[] {
  const slash = value.indexOf('/');
  const [host, path] = [value.slice(0, Math.max(slash, 0)), value.slice(slash + 1)];
  if (slash < 0 || host === '' || path === '') return [{ part: value, message: 'must be a domain-prefixed path (such as "acme.io/foo")' }];
  const found = checkDnsSubdomain(host).map((message) => ({ part: host, message }));
  if (!HTTP_PATH_REGEX.test(path)) found.push({ part: path, message: `Invalid path (regex used for validation is '${HTTP_PATH}')` });
  return found;
}

/** A label's or annotation's key: `app`, `example.com/app`. */
export function checkQualifiedName(value: string): string[] {
  const slash = value.indexOf('/');
  const prefix = slash < 0 ? undefined : value.slice(0, slash);
  const name = value.slice(slash + 1);
  if (name.includes('/')) {
    return [`a valid label key ${QUALIFIED_MESSAGE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const messages: string[] = [];
  if (prefix === '') messages.push('prefix part must be non-empty');
  else if (prefix !== undefined)
    messages.push(
      ...checkText(prefix, MAX_SUBDOMAIN_LENGTH, SUBDOMAIN_REGEX, SUBDOMAIN_MESSAGE, 'bytes').map((each) => `prefix part ${each}`),
    );
  if (name === '') messages.push('name part must be non-empty');
  messages.push(...checkText(name, MAX_LABEL_LENGTH, QUALIFIED_REGEX, QUALIFIED_MESSAGE, 'bytes').map((each) => `name part ${each}`));
  return messages;
}

export function checkLabelValue(value: string): string[] {
  return checkText(value, MAX_LABEL_LENGTH, LABEL_VALUE_REGEX, LABEL_VALUE_MESSAGE, 'bytes');
}

/** A key of a ConfigMap or a Secret. */
export function checkConfigKey(value: string): string[] {
  const messages = checkText(value, MAX_SUBDOMAIN_LENGTH, CONFIG_KEY_REGEX, CONFIG_KEY_MESSAGE);
  if (value === '.') messages.push("must not be '.'");
  else if (value === '..') messages.push("must not be '..'");
  else if (value.startsWith('..')) messages.push("must not start with '..'");
  return messages;
}

/** Since Kubernetes 1.34 nearly anything. */
export function checkEnvName(value: string): string[] {
  const messages = value === '' ? ['environment variable name must be non-empty'] : [];
  return /^[ -<>-~]*$/.test(value) ? messages : [...messages, ENV_NAME_MESSAGE];
}

/** A port's name (RFC 6335 section 5.1). */
export function checkPortName(value: string): string[] {
  const messages = value.length > 15 ? [tooLong(15)] : [];
  if (!/^[-a-z0-9]+$/.test(value)) messages.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) messages.push('must contain at least one letter (a-z)');
  if (value.includes('--')) messages.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) messages.push('must not begin or end with a hyphen');
  return messages;
}

/** A port by number. */
export function checkPortNumber(value: number): string[] {
  return value >= 1 && value <= 65_535 ? [] : ['must be between 1 and 65535, inclusive'];
}

export function checkPort(value: number | string): string[] {
  return typeof value === 'number' ? checkPortNumber(value) : checkPortName(value);
}

/** Of a name that something is appended to, which may end in a dash. Source: maskTrailingDash. */
export function maskTrailingDash(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix;
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

function tooLong(limit: number, unit: 'characters' | 'bytes' = 'characters'): string {
  return `must be no more than ${limit} ${unit}`;
}

/** Kubernetes says both that a text is too long and that it does not match. */
function checkText(value: string, limit: number, pattern: RegExp, message: string, unit: 'characters' | 'bytes' = 'characters'): string[] {
  const messages = value.length > limit ? [tooLong(limit, unit)] : [];
  return matches(value, pattern) ? messages : [...messages, message];
}

/** Characters that a pattern runs over: of a megabyte it is enough to know that it is too long. */
const MAX_MATCHED = 4_096;

function matches(value: string, pattern: RegExp): boolean {
  return value.length > MAX_MATCHED || pattern.test(value);
}
