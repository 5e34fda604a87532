import { invalid } from '../schema/field-errors.ts';
import { parsePercent, PERCENT_MESSAGE } from '../values/int-or-percent.ts';
import type { FieldError } from './kind.ts';

/** A bound given as `3` or `25%`. */
export function checkIntOrPercent(value: number | string, path: string): FieldError[] {
  if (typeof value === 'number') return value < 0 ? [invalid(path, value, 'must be greater than or equal to 0')] : [];
  return parsePercent(value) === undefined ? [invalid(path, value, PERCENT_MESSAGE)] : [];
}

export function isZero(value: number | string): boolean {
  return value === 0 || (typeof value === 'string' && parsePercent(value) === 0);
}

/** Where more than all makes no sense. Source: IsNotMoreThan100Percent. */
export function checkAtMostAll(value: number | string, path: string): FieldError[] {
  return typeof value === 'string' && (parsePercent(value) ?? 0) > 100 ? [invalid(path, value, 'must not be greater than 100%')] : [];
}
