import { KithError } from '../errors.ts';
import type { LabelSelector } from '../types.ts';
import { checkLabelValue, checkQualifiedName } from './names.ts';

/** One term of a selector, in Kubernetes' words. */
export interface LabelRequirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'GreaterThan' | 'LessThan';
  /** Sorted; one for GreaterThan and LessThan, none for Exists and DoesNotExist. */
  values: readonly string[];
}

/** All must hold. Empty selects everything. */
export type Selector = readonly LabelRequirement[];
export type Labels = Readonly<Record<string, string>>;

/** Characters of a selector's text. */
const MAX_SELECTOR_TEXT = 65_536;

type Token = { type: 'word'; text: string } | { type: 'sign'; text: '(' | ')' | ',' | '!' | '=' | '==' | '!=' | '<' | '>' };

/**
 * Parses `a=b,c!=d,e in (x,y),f notin (z),g,!h,i>1`. Empty text selects everything.
 * Grammar: k8s.io/apimachinery/pkg/labels.
 * @throws KithError `InvalidSelector`
 */
export function parseSelector(text: string): LabelRequirement[] {
  if (text.length > MAX_SELECTOR_TEXT) throw invalid(`label selector is longer than ${MAX_SELECTOR_TEXT} characters`);
  const tokens = tokenize(text);
  const requirements: LabelRequirement[] = [];
  let at = 0;
  while (at < tokens.length) {
    const [requirement, next] = parseRequirement(tokens, at);
    checkRequirement(requirement);
    requirements.push(requirement);
    if (next < tokens.length && tokens[next]?.text !== ',') {
      throw invalid(`unable to parse requirement: found '${tokens[next]?.text}', expected: ',' or 'end of string'`);
    }
    at = next + 1;
    if (next === tokens.length - 1) throw invalid(`unable to parse requirement: found '', expected: identifier after ','`);
  }
  return requirements.sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(/\s+|(==|!=|[(),!=<>])|([^\s(),!=<>]+)/g)) {
    if (match[1] !== undefined) tokens.push({ type: 'sign', text: match[1] as (Token & { type: 'sign' })['text'] });
    else if (match[2] !== undefined) tokens.push({ type: 'word', text: match[2] });
  }
  return tokens;
}

/** One requirement from `tokens[start]` on, and the index behind it. */
function parseRequirement(tokens: readonly Token[], start: number): [LabelRequirement, number] {
  const negated = tokens[start]?.text === '!';
  const keyAt = negated ? start + 1 : start;
  const key = tokens[keyAt];
  if (key?.type !== 'word') throw invalid(`unable to parse requirement: found '${key?.text ?? ''}', expected: identifier`);
  if (negated) return [{ key: key.text, operator: 'DoesNotExist', values: [] }, keyAt + 1];
  const operator = tokens[keyAt + 1]?.text;
  switch (operator) {
    case undefined:
    case ',':
      return [{ key: key.text, operator: 'Exists', values: [] }, keyAt + 1];
    case '=':
    case '==':
    case '!=': {
      const [value, next] = parseValue(tokens, keyAt + 2);
      return [{ key: key.text, operator: operator === '!=' ? 'NotIn' : 'In', values: [value] }, next];
    }
    case '<':
    case '>': {
      const [value, next] = parseValue(tokens, keyAt + 2);
      return [{ key: key.text, operator: operator === '<' ? 'LessThan' : 'GreaterThan', values: [value] }, next];
    }
    case 'in':
    case 'notin': {
      const [values, next] = parseValues(tokens, keyAt + 2);
      return [{ key: key.text, operator: operator === 'in' ? 'In' : 'NotIn', values }, next];
    }
    default:
      throw invalid(`unable to parse requirement: found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
  }
}

/** A value may be empty: `a=,b=c`. */
function parseValue(tokens: readonly Token[], at: number): [string, number] {
  const token = tokens[at];
  if (token === undefined || token.text === ',') return ['', at];
  if (token.type !== 'word') throw invalid(`unable to parse requirement: found '${token.text}', expected: identifier`);
  return [token.text, at + 1];
}

function parseValues(tokens: readonly Token[], start: number): [string[], number] {
  if (tokens[start]?.text !== '(') throw invalid(`unable to parse requirement: found '${tokens[start]?.text ?? ''}', expected: '('`);
  const values = new Set<string>();
  let at = start + 1;
  for (;;) {
    const token = tokens[at];
    if (token?.type === 'word') {
      values.add(token.text);
      at += 1;
    } else {
      values.add('');
    }
    const end = tokens[at]?.text;
    if (end === ')') return [[...values].sort(), at + 1];
    if (end !== ',') throw invalid(`unable to parse requirement: found '${end ?? ''}', expected: ',', ')' or identifier`);
    at += 1;
  }
}

function checkRequirement(requirement: LabelRequirement): void {
  const { key, operator, values } = requirement;
  const [keyProblem] = checkQualifiedName(key);
  if (keyProblem !== undefined) throw invalid(`key: Invalid value: ${JSON.stringify(key)}: ${keyProblem}`);
  for (const [index, value] of values.entries()) {
    const [problem] = checkLabelValue(value);
    if (problem !== undefined) throw invalid(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${problem}`);
    if ((operator === 'GreaterThan' || operator === 'LessThan') && !/^-?\d+$/.test(value)) {
      throw invalid(`values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`);
    }
  }
}

export function matchesSelector(selector: Selector, labels: Labels | undefined): boolean {
  return selector.every((requirement) => matchesRequirement(requirement, labels ?? {}));
}

function matchesRequirement(requirement: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'GreaterThan':
    case 'LessThan': {
      if (value === undefined || !/^-?\d+$/.test(value)) return false;
      const bound = BigInt(requirement.values[0] ?? '0');
      return requirement.operator === 'GreaterThan' ? BigInt(value) > bound : BigInt(value) < bound;
    }
  }
}

/** Text that `parseSelector` reads back. */
export function formatSelector(selector: Selector): string {
  return selector.map(formatRequirement).join(',');
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    case 'In':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(',')})`;
    case 'NotIn':
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(',')})`;
    case 'GreaterThan':
      return `${key}>${values[0]}`;
    case 'LessThan':
      return `${key}<${values[0]}`;
  }
}

/** A workload's selector object as requirements. An empty object selects everything; use {@link labelSelectorMatches} where a missing one must select nothing. */
export function selectorOf(selector: LabelSelector): LabelRequirement[] {
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]): LabelRequirement => ({
    key,
    operator: 'In',
    values: [value],
  }));
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }): LabelRequirement => ({
    key,
    operator: operator as LabelRequirement['operator'],
    values: [...(values ?? [])].sort(),
  }));
  return [...equal, ...expressions].sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
}

/** Kubernetes' rule: no selector selects nothing, an empty one everything. */
export function labelSelectorMatches(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  return selector !== undefined && matchesSelector(selectorOf(selector), labels);
}

function invalid(message: string): KithError {
  return new KithError('InvalidSelector', message);
}
