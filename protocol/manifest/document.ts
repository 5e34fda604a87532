import type { JsonObject } from '../json.ts';

/** Where something stands in a file; both count from 1. */
export interface SourcePosition {
  line: number;
  column: number;
}

/** One object as a file says it. Nothing but its syntax has been looked at. */
export interface ManifestDocument {
  sourceName: string;
  /** Line of its first field. */
  line: number;
  value: JsonObject;
  /** Where a field is (`spec.containers[0].image`, `metadata.labels[app]`); of one that is not there, where the nearest field around it is. */
  position(fieldPath: string): SourcePosition;
  /** `nginx.yaml:12` */
  at(fieldPath: string): string;
}

export interface ManifestError {
  sourceName: string;
  /** 0 when the whole file is meant. */
  line: number;
  column: number;
  /** Without the place. */
  message: string;
}

export interface ParsedManifest {
  documents: ManifestDocument[];
  errors: ManifestError[];
}

/** `nginx.yaml:12: found duplicate key "image"` */
export function formatManifestError(error: ManifestError): string {
  return `${error.sourceName}${error.line === 0 ? '' : `:${error.line}`}: ${error.message}`;
}

/** `spec.containers[0].image` as `spec`, `containers`, `0`, `image`; keys in brackets may hold dots. */
export function splitFieldPath(path: string): string[] {
  return [...path.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)].map((match) => match[1] ?? match[2] ?? '');
}
