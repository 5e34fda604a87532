import { KithError } from '../errors.ts';

/**
 * Kubernetes quantities (`500m`, `1.5Gi`, `12e6`), exact: a value is a whole number of billionths, which is as fine as Kubernetes goes.
 * Source: k8s.io/apimachinery/pkg/api/resource/quantity.go (its documented grammar and canonical form).
 */
export interface Quantity {
  /** Billionths. What is finer is rounded away from zero; what is above 2^63-1 is capped, as Kubernetes does. */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

/** How a quantity was written, and so is written back. */
export type QuantityFormat = 'BinarySI' | 'DecimalSI' | 'DecimalExponent';

/** What Kubernetes answers to text that is no quantity. */
export const QUANTITY_PATTERN_MESSAGE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Characters. Longer text is no quantity that a person wrote; keeps the arithmetic small. */
const MAX_QUANTITY_TEXT = 100;
const NANOS_PER_UNIT = 1_000_000_000n;
const MAX_NANOS = (2n ** 63n - 1n) * NANOS_PER_UNIT;
/** Beyond it every number but zero is capped, or rounded to one billionth. */
const MAX_EXPONENT = 200;

const GRAMMAR = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:(n|u|m|k|M|G|T|P|E|[KMGTPE]i)|[eE]([+-]?\d+))?$/;
const DECIMAL_SUFFIXES: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const DECIMAL_SUFFIX_OF = new Map(Object.entries(DECIMAL_SUFFIXES).map(([suffix, exponent]) => [exponent, suffix]));
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

/** Undefined for text that is no quantity. A bare number, as YAML may give it, is one. */
export function parseQuantity(value: string | number): Quantity | undefined {
  const text = String(value);
  if (text.length > MAX_QUANTITY_TEXT) return undefined;
  const match = GRAMMAR.exec(text);
  if (match === null) return undefined;
  const [, sign, digits = '', suffix = '', exponentText] = match;
  const [whole = '', fraction = ''] = digits.split('.');
  const mantissa = BigInt(`0${whole}${fraction}`);
  const binaryPower = (BINARY_SUFFIXES as readonly string[]).indexOf(suffix);
  let magnitude: bigint;
  let format: QuantityFormat;
  if (exponentText !== undefined) {
    format = 'DecimalExponent';
    magnitude = scaleToNanos(mantissa, Number(exponentText) - fraction.length);
  } else if (binaryPower > 0) {
    format = 'BinarySI';
    magnitude = scaleToNanos(mantissa * 1024n ** BigInt(binaryPower), -fraction.length);
  } else {
    format = 'DecimalSI';
    magnitude = scaleToNanos(mantissa, (DECIMAL_SUFFIXES[suffix] ?? 0) - fraction.length);
  }
  if (magnitude > MAX_NANOS) magnitude = MAX_NANOS;
  return { nanos: sign === '-' ? -magnitude : magnitude, format };
}

/** `mantissa * 10^exponent` in billionths, rounded up. */
function scaleToNanos(mantissa: bigint, exponent: number): bigint {
  const power = Math.max(-MAX_EXPONENT, Math.min(MAX_EXPONENT, exponent + 9));
  return power >= 0 ? mantissa * 10n ** BigInt(power) : ceilingDivide(mantissa, 10n ** BigInt(-power));
}

function ceilingDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend > quotient * divisor ? quotient + 1n : quotient;
}

/**
 * The one way to write a value: no fraction, the largest fitting suffix. `1000m` is `1`, `1.5Gi` is `1536Mi`, `0.5` is `500m`.
 * @throws KithError `InvalidQuantity`
 */
export function canonicalQuantity(value: string | number): string {
  return formatQuantity(requireQuantity(value));
}

export function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity;
  if (nanos === 0n) return '0';
  const sign = nanos < 0n ? '-' : '';
  const magnitude = nanos < 0n ? -nanos : nanos;
  // Small or fractional values have no binary form.
  if (format === 'BinarySI' && magnitude >= 1024n * NANOS_PER_UNIT && magnitude % NANOS_PER_UNIT === 0n) {
    return sign + formatBinary(magnitude / NANOS_PER_UNIT);
  }
  let mantissa = magnitude;
  let exponent = -9;
  while (exponent < 18 && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (format === 'DecimalExponent') return `${sign}${mantissa}${exponent === 0 ? '' : `e${exponent}`}`;
  return `${sign}${mantissa}${DECIMAL_SUFFIX_OF.get(exponent) ?? ''}`;
}

function formatBinary(units: bigint): string {
  let power = 0;
  let mantissa = units;
  while (power < BINARY_SUFFIXES.length - 1 && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    power += 1;
  }
  return `${mantissa}${BINARY_SUFFIXES[power] ?? ''}`;
}

/** Thousandths of a core, rounded up. @throws KithError `InvalidQuantity` */
export function cpuMillis(value: string | number): number {
  return Number(ceilingOfSigned(requireQuantity(value).nanos, 1_000_000n));
}

/** Bytes, rounded up; exact up to 2^53, which is 9 PB. @throws KithError `InvalidQuantity` */
export function memoryBytes(value: string | number): number {
  return Number(ceilingOfSigned(requireQuantity(value).nanos, NANOS_PER_UNIT));
}

/** Negative when left is less. @throws KithError `InvalidQuantity` */
export function compareQuantities(left: string | number, right: string | number): number {
  const difference = requireQuantity(left).nanos - requireQuantity(right).nanos;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function ceilingOfSigned(nanos: bigint, divisor: bigint): bigint {
  return nanos < 0n ? -(-nanos / divisor) : ceilingDivide(nanos, divisor);
}

function requireQuantity(value: string | number): Quantity {
  const quantity = parseQuantity(value);
  if (quantity === undefined) throw new KithError('InvalidQuantity', `${JSON.stringify(value)}: ${QUANTITY_PATTERN_MESSAGE}`, { value });
  return quantity;
}
