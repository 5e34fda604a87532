/** Rules of quotas, limit ranges, budgets and priority classes. Source and wording: pkg/apis/core, policy, scheduling/validation. */
import { duplicate, forbidden, GoStruct, invalid, keyPath, required } from '../../schema/field-errors.ts';
import type { LabelSelector } from '../../types.ts';
import { checkQualifiedName } from '../../values/names.ts';
import { compareQuantities, parseQuantity } from '../../values/quantity.ts';
import { checkAtMostAll, checkIntOrPercent } from '../int-or-percent.ts';
import type { FieldError } from '../kind.ts';
import { validateLabelSelector } from '../label-selector.ts';
import { isQuotaResourceName, validateAmount, validateContainerResourceName } from '../resource-validation.ts';
import { validateQuotaResourceName, validateResourceName } from '../resource-validation.ts';
import { shownSelector } from '../workload-selector.ts';

type Texts = Record<string, string>;

interface ScopeRequirement {
  scopeName?: string;
  operator?: string;
  values?: string[];
}

export interface QuotaSpec {
  hard?: Texts;
  scopes?: string[];
  scopeSelector?: { matchExpressions?: ScopeRequirement[] };
}

const SCOPES = ['Terminating', 'NotTerminating', 'BestEffort', 'NotBestEffort', 'PriorityClass', 'CrossNamespacePodAffinity'];
const OPPOSED_SCOPES = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];
/** Resources of pods, which is what scopes are of; those of one without requests are only counted. */
const SCOPED = ['pods', 'cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];
const MUST_EXIST =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

export function validateQuota({ hard = {}, scopes = [], scopeSelector }: QuotaSpec): FieldError[] {
  const errors = Object.entries(hard).flatMap(([name, amount]) => {
    const at = keyPath('spec.hard', name);
    return [...validateQuotaResourceName(name, at), ...validateAmount(name, amount, at)];
  });
  const names = Object.keys(hard).sort();
  for (const scope of scopes) {
    if (!SCOPES.includes(scope)) errors.push(invalid('spec.scopes', scopes, 'unsupported scope'));
    for (const name of names)
      if (!isInScope(scope, name)) errors.push(invalid('spec.scopes', scopes, 'unsupported scope applied to resource'));
  }
  for (const pair of OPPOSED_SCOPES)
    if (pair.every((scope) => scopes.includes(scope))) errors.push(invalid('spec.scopes', scopes, 'conflicting scopes'));
  const requirements = scopeSelector?.matchExpressions ?? [];
  for (const requirement of requirements) errors.push(...validateScope(requirement, names, requirements));
  for (const pair of OPPOSED_SCOPES)
    if (pair.every((scope) => requirements.some(({ scopeName }) => scopeName === scope)))
      errors.push(invalid('spec.scopeSelector.matchExpressions', scopes.length === 0 ? null : scopes, 'conflicting scopes'));
  return errors;
}

/** Of a scope or a resource that is not known nothing is said here. */
function isInScope(scope: string, resource: string): boolean {
  if (!isQuotaResourceName(resource) || !SCOPES.includes(scope)) return true;
  return scope === 'BestEffort' ? resource === 'pods' : SCOPED.includes(resource);
}

/** What is said of one requirement is said of the list, as Kubernetes does. */
function validateScope(requirement: ScopeRequirement, names: readonly string[], all: readonly ScopeRequirement[]): FieldError[] {
  const { scopeName = '', operator = '', values = [] } = requirement;
  const path = 'spec.scopeSelector.matchExpressions';
  const errors: FieldError[] = [];
  if (!SCOPES.includes(scopeName)) errors.push(invalid(`${path}.scopeName`, scopeName, 'unsupported scope'));
  const shown = new GoStruct({ MatchExpressions: all.map(({ scopeName: ScopeName, ...rest }) => ({ ScopeName, ...rest })) });
  for (const name of names) if (!isInScope(scopeName, name)) errors.push(invalid(path, shown, 'unsupported scope applied to resource'));
  if (SCOPES.includes(scopeName) && scopeName !== 'PriorityClass' && operator !== 'Exists')
    errors.push(invalid(`${path}.operator`, operator, MUST_EXIST));
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0)
      errors.push(required(`${path}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0)
      errors.push(invalid(`${path}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"));
  } else errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  return errors;
}

export function validateQuotaUpdate({ scopes: old = [] }: QuotaSpec, { scopes: now = [] }: QuotaSpec): FieldError[] {
  const isKept = old.every((scope) => now.includes(scope)) && now.every((scope) => old.includes(scope));
  return isKept ? [] : [invalid('spec.scopes', now.length === 0 ? null : now, 'field is immutable')];
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

const LIMIT_FIELDS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

/** Source: ValidateLimitRange. */
export function validateLimits(items: readonly LimitItem[]): FieldError[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const path = `spec.limits[${index}]`;
    const { type = '' }: Partial<LimitItem> = item;
    const errors = validateLimitType(type, `${path}.type`);
    if (seen.has(type)) errors.push(duplicate(`${path}.type`, type));
    seen.add(type);
    const check = type === 'Pod' || type === 'Container' ? validateContainerResourceName : validateResourceName;
    for (const field of LIMIT_FIELDS) {
      const given = Object.keys(item[field] ?? {});
      if (type === 'Pod' && (field === 'default' || field === 'defaultRequest')) {
        if (given.length > 0) errors.push(forbidden(`${path}.${field}`, "may not be specified when `type` is 'Pod'"));
      } else errors.push(...given.flatMap((name) => check(name, keyPath(`${path}.${field}`, name))));
    }
    if (type === 'PersistentVolumeClaim' && item.min?.['storage'] === undefined && item.max?.['storage'] === undefined)
      errors.push(required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided'));
    return [...errors, ...validateBounds(item, path)];
  });
}

function validateLimitType(type: string, at: string): FieldError[] {
  const errors = checkQualifiedName(type).map((message) => invalid(at, type, message));
  const isKnown = ['Container', 'Pod', 'PersistentVolumeClaim'].includes(type) || type.includes('/');
  return errors.length > 0 || isKnown ? errors : [invalid(at, type, 'must be a standard limit type or fully qualified')];
}

function validateBounds(item: LimitItem, path: string): FieldError[] {
  const { min = {}, max = {}, maxLimitRequestRatio: ratios = {} } = item;
  const [fallback, requests] = item.type === 'Pod' ? [{}, {}] : [item.default ?? {}, item.defaultRequest ?? {}];
  const errors: FieldError[] = [];
  const check = (field: string, name: string, shown: string | undefined, isWrong: boolean, words: string): void => {
    if (isWrong) errors.push(invalid(keyPath(`${path}.${field}`, name), shown, words));
  };
  for (const name of new Set([max, min, fallback, requests, ratios].flatMap((amounts) => Object.keys(amounts)))) {
    const [least, most, request, limit, ratio] = [min, max, requests, fallback, ratios].map((amounts: Texts) => amounts[name]);
    check('min', name, least, isBelow(most, least), `min value ${least} is greater than max value ${most}`);
    const asked = `default request value ${request}`;
    check('defaultRequest', name, request, isBelow(request, least), `min value ${least} is greater than ${asked}`);
    check('defaultRequest', name, request, isBelow(most, request), `${asked} is greater than max value ${most}`);
    check('defaultRequest', name, request, isBelow(limit, request), `${asked} is greater than default limit value ${limit}`);
    // The other value is shown, as Kubernetes does.
    check('default', name, least, isBelow(limit, least), `min value ${least} is greater than default value ${limit}`);
    check('default', name, most, isBelow(most, limit), `default value ${limit} is greater than max value ${most}`);
    check('maxLimitRequestRatio', name, ratio, isBelow(ratio, '1'), `ratio ${ratio} is less than 1`);
    const widest = numberOf(most) / numberOf(least);
    const words = `ratio ${ratio} is greater than max/min = ${widest.toFixed(6)}`;
    check('maxLimitRequestRatio', name, ratio, numberOf(ratio) > widest, words);
  }
  return errors;
}

/** NaN where there is none: no comparison holds of it. */
function numberOf(text: string | undefined): number {
  const quantity = text === undefined ? undefined : parseQuantity(text);
  return quantity === undefined ? Number.NaN : Number(quantity.nanos) / 1e9;
}

/** False where one of them is missing or no quantity. */
function isBelow(left: string | undefined, right: string | undefined): boolean {
  if (left === undefined || right === undefined || parseQuantity(left) === undefined || parseQuantity(right) === undefined) return false;
  return compareQuantities(left, right) < 0;
}

export interface BudgetSpec {
  minAvailable?: number | string;
  maxUnavailable?: number | string;
  selector?: LabelSelector;
  unhealthyPodEvictionPolicy?: string;
}

/** Source: ValidatePodDisruptionBudgetSpec. */
export function validateBudget({ minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy }: BudgetSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const shown = new GoStruct({
      MinAvailable: minAvailable,
      Selector: selector && shownSelector(selector),
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy,
    });
    errors.push(invalid('spec', shown, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const [field, value] of Object.entries({ minAvailable, maxUnavailable })) {
    if (value !== undefined) errors.push(...checkIntOrPercent(value, `spec.${field}`), ...checkAtMostAll(value, `spec.${field}`));
  }
  return [...errors, ...validateLabelSelector(selector ?? {}, 'spec.selector')];
}

/** Source: HighestUserDefinablePriority. */
const HIGHEST_OWN = 1_000_000_000;
const SYSTEM_VALUES: Readonly<Record<string, number>> = { 'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000 };

export function validateClass(name: string, value: number, isDefault: boolean): FieldError[] {
  if (!name.startsWith('system-'))
    return value > HIGHEST_OWN ? [forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_OWN}`)] : [];
  const own = Object.hasOwn(SYSTEM_VALUES, name) ? SYSTEM_VALUES[name] : undefined;
  if (own === value && !isDefault) return [];
  const why =
    own === undefined
      ? `${name} is not a known system priority class`
      : own === value
        ? `globalDefault of ${name} PriorityClass must be false`
        : `value of ${name} PriorityClass must be ${own}`;
  return [forbidden('metadata.name', `priority class names with 'system-' prefix are reserved for system use only. error: ${why}`)];
}
