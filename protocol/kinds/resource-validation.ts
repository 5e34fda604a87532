import { childPath, forbidden, invalid, keyPath, required } from '../schema/field-errors.ts';
import type { Container } from '../types.ts';
import { checkQualifiedName } from '../values/names.ts';
import { compareQuantities, parseQuantity } from '../values/quantity.ts';
import type { FieldError } from './kind.ts';

/** Names and amounts of resources. Source: pkg/apis/core/helper and validateResourceRequirements in pkg/apis/core/validation (behaviour and wording). */

const COUNTED = ['pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'configmaps', 'persistentvolumeclaims'];
const SERVICE_COUNTS = ['services.nodeports', 'services.loadbalancers'];
const COMPUTED = ['cpu', 'memory', 'ephemeral-storage'];
const BOUNDED = COMPUTED.flatMap((name) => [`requests.${name}`, `limits.${name}`]);
const QUOTA_NAMES = [...COMPUTED, ...BOUNDED, 'requests.storage', ...COUNTED, ...SERVICE_COUNTS];
const NAMES = [...QUOTA_NAMES, 'storage'];

function isHuge(name: string): boolean {
  return name.startsWith('hugepages-');
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** Of a device: whole numbers, and as much as the limit. */
function isExtended(name: string): boolean {
  return !isNative(name) && !name.startsWith('requests.') && checkQualifiedName(`requests.${name}`).length === 0;
}

export function validateResourceName(name: string, at: string): FieldError[] {
  const errors = checkQualifiedName(name).map((message) => invalid(at, name, message));
  if (errors.length > 0 || name.includes('/') || NAMES.includes(name) || isHuge(name) || name.startsWith('requests.hugepages-'))
    return errors;
  return [invalid(at, name, 'must be a standard resource type or fully qualified')];
}

export function validateContainerResourceName(name: string, at: string): FieldError[] {
  const errors = validateResourceName(name, at);
  if (!name.includes('/')) {
    if (!COMPUTED.includes(name) && !isHuge(name)) errors.push(invalid(at, name, 'must be a standard resource for containers'));
  } else if (!isNative(name) && !isExtended(name)) errors.push(invalid(at, name, "doesn't follow extended resource name standard"));
  return errors;
}

export function validateQuotaResourceName(name: string, at: string): FieldError[] {
  const errors = validateResourceName(name, at);
  const isKnown = QUOTA_NAMES.includes(name) || isHuge(name) || name.startsWith('requests.hugepages-');
  if (!name.includes('/') && !isKnown) errors.push(invalid(at, name, 'must be a standard resource for quota'));
  return errors;
}

export function isQuotaResourceName(name: string): boolean {
  return QUOTA_NAMES.includes(name) || isHuge(name) || name.startsWith('requests.hugepages-');
}

export function validateAmount(name: string, amount: string, at: string): FieldError[] {
  const value = parseQuantity(amount);
  if (value === undefined) return [invalid(at, amount, 'must be a quantity')];
  const errors = compareQuantities(amount, '0') < 0 ? [invalid(at, amount, 'must be greater than or equal to 0')] : [];
  const isWhole = value.nanos % 1_000_000_000n === 0n;
  if ((COUNTED.includes(name) || SERVICE_COUNTS.includes(name) || isExtended(name)) && !isWhole)
    errors.push(invalid(at, amount, 'must be an integer'));
  return errors;
}

export function validateResources(container: Container, path: string): FieldError[] {
  const at = childPath(path, 'resources');
  const { limits = {}, requests = {} } = container.resources ?? {};
  const [limitsPath, requestsPath] = [childPath(at, 'limits'), childPath(at, 'requests')];
  const errors: FieldError[] = [];
  const check = (name: string, amount: string, key: string): void => {
    errors.push(...validateContainerResourceName(name, key), ...validateAmount(name, amount, key));
  };
  for (const [name, amount] of Object.entries(limits)) check(name, amount, keyPath(limitsPath, name));
  for (const [name, amount] of Object.entries(requests)) {
    check(name, amount, keyPath(requestsPath, name));
    const limit = limits[name];
    const isShared = isNative(name) && !isHuge(name);
    if (limit === undefined) {
      if (!isShared) errors.push(required(limitsPath, 'Limit must be set for non overcommitable resources'));
    } else if (parseQuantity(limit) !== undefined && parseQuantity(amount) !== undefined) {
      const difference = compareQuantities(amount, limit);
      if (difference !== 0 && !isShared) errors.push(invalid(requestsPath, amount, `must be equal to ${name} limit of ${limit}`));
      else if (difference > 0) errors.push(invalid(requestsPath, amount, `must be less than or equal to ${name} limit of ${limit}`));
    }
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHuge) && !names.some((name) => name === 'cpu' || name === 'memory'))
    errors.push(forbidden(at, 'HugePages require cpu or memory'));
  return errors;
}
