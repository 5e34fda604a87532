import { ApiError } from './status.ts';

/** Query parameters, read strictly: a value that is not understood is an error, never a default. */
export function booleanParameter(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  if (value === null || value === '' || value === 'false' || value === '0' || value === 'False') return false;
  if (value === 'true' || value === '1' || value === 'True') return true;
  throw new ApiError('BadRequest', `the query parameter ${name} must be true or false, not "${value}"`);
}

export function integerParameter(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (/^-?[0-9]{1,15}$/.test(value)) return Number(value);
  throw new ApiError('BadRequest', `the query parameter ${name} must be an integer, not "${value}"`);
}

/** `dryRun=All` answers as if, and writes nothing. */
export function dryRunParameter(values: readonly string[]): boolean {
  for (const value of values) {
    if (value !== 'All') throw new ApiError('BadRequest', `dryRun: Unsupported value: "${value}": supported values: "All"`);
  }
  return values.length > 0;
}

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** Kubernetes' default is Warn. */
export function fieldValidationParameter(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') ?? '';
  if (value === '') return 'Warn';
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value;
  const supported = 'supported values: "Ignore", "Strict", "Warn"';
  throw new ApiError('BadRequest', `fieldValidation: Unsupported value: "${value}": ${supported}`);
}
