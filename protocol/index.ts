/**
 * protocol/: the words that everyone shares: API kinds with their schemas, defaults and merge units, values such as quantities and selectors, manifests, errors. It must
 * never do I/O, read a clock, or import anything of ours.
 */
export * from './conditions.ts';
export * from './desired.ts';
export * from './errors.ts';
export * from './identity.ts';
export * from './json.ts';
export * from './objects.ts';
export * from './observed.ts';
export type * from './types.ts';
export * from './kinds/admission.ts';
export { summarizePod } from './kinds/pod-columns.ts';
export * from './kinds/kind.ts';
export * from './kinds/merged.ts';
export * from './kinds/registry.ts';
export * from './manifest/document.ts';
export * from './manifest/limits.ts';
export * from './manifest/parse.ts';
export { formatFieldError, formatFieldErrors } from './schema/field-errors.ts';
export type * from './schema/schema.ts';
export * from './values/duration.ts';
export * from './values/field-selector.ts';
export * from './values/int-or-percent.ts';
export * from './values/label-selector.ts';
export * from './values/names.ts';
export * from './values/quantity.ts';
export * from './values/time.ts';
