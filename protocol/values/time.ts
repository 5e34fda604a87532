/** RFC 3339 as Kubernetes prints it: UTC, whole seconds. `ms` is since 1970. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, for the `MicroTime` fields of Events and Leases. */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** Milliseconds since 1970; undefined for text that is no RFC 3339 time. */
export function parseTime(text: string): number | undefined {
  if (text.length > 64 || !RFC3339.test(text)) return undefined;
  const ms = Date.parse(text.toUpperCase());
  return Number.isNaN(ms) ? undefined : ms;
}

/** A time as Kubernetes prints it, of one that says more. */
export function inWholeSeconds(text: string): string {
  const ms = parseTime(text);
  return ms === undefined ? text : formatTime(ms);
}
