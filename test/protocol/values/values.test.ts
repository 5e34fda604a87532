import { describe, expect, it } from 'vitest';
import { ageSince, humanDuration } from '../../../protocol/values/duration.ts';
import { formatFieldSelector, matchesFieldSelector, parseFieldSelector } from '../../../protocol/values/field-selector.ts';
import { resolveIntOrPercent } from '../../../protocol/values/int-or-percent.ts';
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkIpAddress,
  checkLabelValue,
  checkPortName,
  checkQualifiedName,
} from '../../../protocol/values/names.ts';
import { formatMicroTime, formatTime, parseTime } from '../../../protocol/values/time.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('ages', () => {
  it.each([
    [-5 * SECOND, '<invalid>'],
    [-1 * SECOND, '0s'],
    [0, '0s'],
    [119 * SECOND, '119s'],
    [2 * MINUTE, '2m'],
    [9 * MINUTE + 59 * SECOND, '9m59s'],
    [10 * MINUTE + 30 * SECOND, '10m'],
    [179 * MINUTE, '179m'],
    [3 * HOUR, '3h'],
    [7 * HOUR + 5 * MINUTE, '7h5m'],
    [8 * HOUR + 5 * MINUTE, '8h'],
    [47 * HOUR, '47h'],
    [48 * HOUR, '2d'],
    [7 * DAY + 3 * HOUR, '7d3h'],
    [8 * DAY + 3 * HOUR, '8d'],
    [729 * DAY, '729d'],
    [730 * DAY, '2y'],
    [(2 * 365 + 7) * DAY, '2y7d'],
    [9 * 365 * DAY + DAY, '9y'],
  ])('prints %d ms as %s', (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });

  it('says so when a time is missing', () => {
    expect(ageSince(undefined, 0)).toBe('<unknown>');
    expect(ageSince('1970-01-01T00:00:00Z', 5 * SECOND)).toBe('5s');
  });
});

describe('times', () => {
  it('are whole seconds of UTC', () => {
    expect(formatTime(1_700_000_000_999)).toBe('2023-11-14T22:13:20Z');
    expect(formatMicroTime(1_700_000_000_999)).toBe('2023-11-14T22:13:20.999000Z');
    expect(parseTime('2023-11-14T23:13:20+01:00')).toBe(1_700_000_000_000);
  });

  it.each(['', 'now', '2023-11-14', '2023-13-14T22:13:20Z', '2023-11-14 22:13:20'])('%j is none', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});

describe('field selectors', () => {
  it('hold equal and unequal terms, and empty values', () => {
    const selector = parseFieldSelector('metadata.name=web,status.phase!=Failed,involvedObject.namespace=,a==b');
    expect(selector.map((term) => `${term.path} ${term.operator} ${term.value}`)).toEqual([
      'metadata.name = web',
      'status.phase != Failed',
      'involvedObject.namespace = ',
      'a = b',
    ]);
    const fields: Record<string, string> = { 'metadata.name': 'web', 'status.phase': 'Running', a: 'b' };
    expect(matchesFieldSelector(selector, (path) => fields[path] ?? '')).toBe(true);
    expect(matchesFieldSelector(selector, (path) => (path === 'status.phase' ? 'Failed' : (fields[path] ?? '')))).toBe(false);
    expect(parseFieldSelector('')).toEqual([]);
  });

  it('read back what they write', () => {
    const selector = [{ path: 'metadata.name', operator: '=' as const, value: 'a,b=c\\d' }];
    expect(parseFieldSelector(formatFieldSelector(selector))).toEqual(selector);
  });

  it('refuse a term without an operator', () => {
    expect(() => parseFieldSelector('metadata.name')).toThrow(/can't understand/);
  });
});

describe('an integer or a percentage', () => {
  it('rounds the way that is asked for', () => {
    expect(resolveIntOrPercent('25%', 10, 'up')).toBe(3);
    expect(resolveIntOrPercent('25%', 10, 'down')).toBe(2);
    expect(resolveIntOrPercent(7, 10, 'down')).toBe(7);
    expect(resolveIntOrPercent('0%', 10, 'up')).toBe(0);
    expect(() => resolveIntOrPercent('a lot', 10, 'up')).toThrow(/neither an integer nor a percentage/);
  });
});

describe('names', () => {
  it('follow Kubernetes to the word', () => {
    expect(checkDnsLabel('web-1')).toEqual([]);
    expect(checkDnsLabel('Web')).toEqual([
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ]);
    expect(checkDnsLabel('a'.repeat(64))).toEqual(['must be no more than 63 characters']);
    expect(checkDnsSubdomain('a.b-c.d')).toEqual([]);
    expect(checkDnsSubdomain('a..b')[0]).toMatch(/^a lowercase RFC 1123 subdomain must consist of/);
    expect(checkDnsSubdomain(`${'a'.repeat(254)}`)).toEqual(['must be no more than 253 characters']);
    expect(checkQualifiedName('example.com/app')).toEqual([]);
    expect(checkQualifiedName('/app')).toEqual(['prefix part must be non-empty']);
    expect(checkQualifiedName('a/b/c')[0]).toMatch(/with an optional DNS subdomain prefix/);
    expect(checkQualifiedName('a b')[0]).toMatch(/^name part must consist of/);
    expect(checkLabelValue('')).toEqual([]);
    expect(checkLabelValue('-x')[0]).toMatch(/^a valid label must be an empty string/);
    expect(checkPortName('http')).toEqual([]);
    expect(checkPortName('8-0')).toEqual(['must contain at least one letter (a-z)']);
    expect(checkIpAddress('10.0.0.1')).toEqual([]);
    expect(checkIpAddress('2001:db8::1')).toEqual([]);
    expect(checkIpAddress('10.0.0')).toHaveLength(1);
    expect(checkIpAddress('10.0.0.1.')).toHaveLength(1);
  });
});
