/** Rules of quotas, limit ranges and priority classes that take more than one field. Source and wording: pkg/apis/core/validation, pkg/apis/scheduling/validation. */
import { duplicate, forbidden, invalid, keyPath } from '../../schema/field-errors.ts';
import { compareQuantities, parseQuantity } from '../../values/quantity.ts';
import type { FieldError } from '../kind.ts';

type Texts = Record<string, string>;

export interface QuotaSpec {
  hard?: Texts;
  scopes?: string[];
}

const SCOPES = ['Terminating', 'NotTerminating', 'BestEffort', 'NotBestEffort', 'PriorityClass', 'CrossNamespacePodAffinity'];

export function validateQuota({ hard = {}, scopes = [] }: QuotaSpec): FieldError[] {
  const negative = Object.entries(hard).filter(([, text]) => isBelow(text, '0'));
  const unknown = scopes.filter((scope) => !SCOPES.includes(scope));
  return [
    ...negative.map(([name, text]) => invalid(keyPath('spec.hard', name), text, 'must be greater than or equal to 0')),
    ...unknown.map(() => invalid('spec.scopes', scopes, 'unsupported scope')),
  ];
}

interface LimitItem {
  type: string;
  default?: Texts;
  defaultRequest?: Texts;
  max?: Texts;
  maxLimitRequestRatio?: Texts;
  min?: Texts;
}

export interface LimitRangeSpec {
  limits?: LimitItem[];
}

/** Source: SetDefaults_LimitRangeItem: a bound that nobody says otherwise of is the default. */
export function fillLimitDefaults(items: readonly LimitItem[]): void {
  for (const item of items) {
    if (item.type !== 'Container') continue;
    item.default = { ...item.max, ...item.default };
    item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
    for (const name of ['default', 'defaultRequest'] as const) if (Object.keys(item[name] ?? {}).length === 0) delete item[name];
  }
}

export function validateLimits(items: readonly LimitItem[]): FieldError[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const path = `spec.limits[${index}]`;
    const errors: FieldError[] = [];
    if (seen.has(item.type)) errors.push(duplicate(`${path}.type`, item.type));
    seen.add(item.type);
    if (!['Container', 'Pod', 'PersistentVolumeClaim'].includes(item.type) && !item.type.includes('/'))
      errors.push(invalid(`${path}.type`, item.type, 'must be a standard limit type or fully qualified'));
    if (item.type === 'Pod')
      for (const name of ['default', 'defaultRequest'] as const)
        if (Object.keys(item[name] ?? {}).length > 0)
          errors.push(forbidden(`${path}.${name}`, "may not be specified when `type` is 'Pod'"));
    return [...errors, ...validateAmounts(item, path)];
  });
}

function validateAmounts(item: LimitItem, path: string): FieldError[] {
  const { min = {}, max = {}, defaultRequest = {}, maxLimitRequestRatio: ratios = {} } = item;
  const fallback = item.default ?? {};
  const errors: FieldError[] = [];
  const check = (field: string, name: string, text: string | undefined, isWrong: boolean, words: string): void => {
    if (isWrong) errors.push(invalid(keyPath(`${path}.${field}`, name), text, words));
  };
  for (const name of new Set([
    ...Object.keys(min),
    ...Object.keys(max),
    ...Object.keys(fallback),
    ...Object.keys(defaultRequest),
    ...Object.keys(ratios),
  ])) {
    const [least, most, request, limit, ratio] = [min[name], max[name], defaultRequest[name], fallback[name], ratios[name]];
    check('min', name, least, isBelow(most, least), `min value ${least} is greater than max value ${most}`);
    check('defaultRequest', name, request, isBelow(request, least), `min value ${least} is greater than default request value ${request}`);
    check('defaultRequest', name, request, isBelow(most, request), `default request value ${request} is greater than max value ${most}`);
    check(
      'defaultRequest',
      name,
      request,
      isBelow(limit, request),
      `default request value ${request} is greater than default limit value ${limit}`,
    );
    check('default', name, limit, isBelow(limit, least), `min value ${least} is greater than default value ${limit}`);
    check('default', name, limit, isBelow(most, limit), `default value ${limit} is greater than max value ${most}`);
    check('maxLimitRequestRatio', name, ratio, isBelow(ratio, '1'), `ratio ${ratio} is less than 1`);
  }
  return errors;
}

/** False where one of them is missing or no quantity. */
function isBelow(left: string | undefined, right: string | undefined): boolean {
  if (left === undefined || right === undefined || parseQuantity(left) === undefined || parseQuantity(right) === undefined) return false;
  return compareQuantities(left, right) < 0;
}

/** Source: HighestUserDefinablePriority. */
const HIGHEST_OWN = 1_000_000_000;
const SYSTEM_VALUES: Readonly<Record<string, number>> = { 'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000 };

export function validateClass(name: string, value: number): FieldError[] {
  if (name.startsWith('system-')) {
    if (SYSTEM_VALUES[name] === value) return [];
    return [forbidden('metadata.name', "priority class names with 'system-' prefix are reserved for system use only")];
  }
  return value > HIGHEST_OWN ? [forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_OWN}`)] : [];
}
