import { KithError } from '../errors.ts';

/** Kubernetes' IsValidPercent. */
export const PERCENT_MESSAGE =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

const PERCENT = /^([0-9]{1,9})%$/;

/** The number before the `%`, or undefined when the text is no percentage. */
export function parsePercent(text: string): number | undefined {
  const match = PERCENT.exec(text);
  return match === null ? undefined : Number(match[1]);
}

/**
 * A number of pods from `3` or `25%` of `total`. Kubernetes rounds maxSurge up and maxUnavailable down.
 * @throws KithError `InvalidIntOrPercent`
 */
export function resolveIntOrPercent(value: number | string, total: number, rounding: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  const percent = parsePercent(value);
  if (percent === undefined) {
    throw new KithError('InvalidIntOrPercent', `${JSON.stringify(value)} is neither an integer nor a percentage such as "25%"`, { value });
  }
  const exact = (percent * total) / 100;
  return rounding === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
