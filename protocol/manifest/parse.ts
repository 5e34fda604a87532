import type { Document } from 'yaml';
import { isAlias, isMap, isPair, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { Json, JsonObject } from '../json.ts';
import type { ManifestDocument, ParsedManifest } from './document.ts';
import { splitFieldPath } from './document.ts';
import { MANIFEST_LIMITS } from './limits.ts';
import type { Budget } from './read-node.ts';
import { NodeReader, positionAt, textOfKey, UnreadableDocument } from './read-node.ts';
import { YAML_OPTIONS } from './yaml-options.ts';

/**
 * Reads a manifest file: YAML or JSON, many documents, lists flattened. A document with an error is left out and told; the others are still read. The caller decides
 * whether a file with any error counts.
 */
export function parseManifest(text: string, sourceName: string): ParsedManifest {
  const refusal = refuseUnread(text);
  if (refusal !== undefined) return { documents: [], errors: [{ sourceName, line: 0, column: 0, message: refusal }] };
  const lines = new LineCounter();
  let parsed: Document.Parsed[];
  try {
    parsed = [...parseAllDocuments(text, { ...YAML_OPTIONS, lineCounter: lines })];
  } catch (error) {
    return { documents: [], errors: [{ sourceName, line: 0, column: 0, message: explainSyntax(String(error)) }] };
  }
  const result: ParsedManifest = { documents: [], errors: [] };
  const budget: Budget = { values: MANIFEST_LIMITS.values };
  for (const document of parsed) {
    if (result.errors.length >= MANIFEST_LIMITS.errors) break;
    readDocument(document, { sourceName, lines, budget, result });
  }
  return result;
}

interface Reading {
  sourceName: string;
  lines: LineCounter;
  budget: Budget;
  result: ParsedManifest;
}

/** What can be told without parsing, and so at once. */
function refuseUnread(text: string): string | undefined {
  const bytes = text.length > MANIFEST_LIMITS.textBytes ? text.length : Buffer.byteLength(text);
  if (bytes > MANIFEST_LIMITS.textBytes) {
    return `the manifest is larger than ${MANIFEST_LIMITS.textBytes / 1024 / 1024} MiB: split it into several files`;
  }
  let documents = 1;
  for (const _separator of text.matchAll(/^---(?=\s|$)/gm)) documents += 1;
  if (documents > MANIFEST_LIMITS.documents + 1)
    return `the manifest has more than ${MANIFEST_LIMITS.documents} documents: split it into several files`;
  if (deepestFlow(text) > MANIFEST_LIMITS.depth * 4) return `is nested more than ${MANIFEST_LIMITS.depth} levels deep`;
  return undefined;
}

/** An upper bound of how deep brackets nest; those in text count, too, hence the caller's leeway. */
function deepestFlow(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if ((code === 0x5d || code === 0x7d) && depth > 0) depth -= 1;
  }
  return deepest;
}

function readDocument(document: Document.Parsed, reading: Reading): void {
  const { sourceName, lines, budget, result } = reading;
  const [syntax] = document.errors;
  if (syntax !== undefined) {
    result.errors.push({ sourceName, ...positionAt(lines, syntax.pos[0]), message: explainSyntax(syntax.message) });
    return;
  }
  const reader = new NodeReader(sourceName, lines, budget);
  let value: Json;
  try {
    value = reader.read(document);
  } catch (error) {
    if (!(error instanceof UnreadableDocument)) throw error;
    result.errors.push({ sourceName, ...positionAt(lines, error.offset), message: error.message });
    return;
  }
  if (reader.errors.length > 0) {
    result.errors.push(...reader.errors);
    return;
  }
  // Only comments, or nothing, between two separators.
  if (value === null) return;
  addObject(value, document, [], reading);
}

/** Adds an object, or the items of a list of objects. */
function addObject(value: Json, document: Document.Parsed, prefix: readonly string[], reading: Reading): void {
  const { sourceName, lines, result } = reading;
  const start = positionAt(lines, offsetOf(document, prefix));
  const report = (message: string): void => {
    if (result.errors.length < MANIFEST_LIMITS.errors) result.errors.push({ sourceName, ...start, message });
  };
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    report(`expected an object, found ${Array.isArray(value) ? 'a list' : value === null ? 'nothing' : `a ${typeof value}`}`);
    return;
  }
  if (isList(value)) {
    if (!Array.isArray(value.items)) report('items: a list needs its items');
    else if (prefix.length > MANIFEST_LIMITS.depth) report(`is nested more than ${MANIFEST_LIMITS.depth} levels deep`);
    else value.items.forEach((item, index) => addObject(item, document, [...prefix, 'items', String(index)], reading));
    return;
  }
  if (result.documents.length >= MANIFEST_LIMITS.documents) {
    const message = `the manifest has more than ${MANIFEST_LIMITS.documents} documents: split it into several files`;
    if (!result.errors.some((error) => error.message === message)) report(message);
    return;
  }
  result.documents.push(makeDocument(sourceName, start.line, value, document, prefix, lines));
}

/** `List`, or a typed list such as `PodList`. */
function isList(value: JsonObject): boolean {
  const kind = typeof value.kind === 'string' ? value.kind : '';
  return kind === 'List' || (kind.endsWith('List') && Array.isArray(value.items));
}

function makeDocument(
  sourceName: string,
  line: number,
  value: JsonObject,
  document: Document.Parsed,
  prefix: readonly string[],
  lines: LineCounter,
): ManifestDocument {
  const position = (fieldPath: string): ReturnType<typeof positionAt> =>
    positionAt(lines, offsetOf(document, [...prefix, ...splitFieldPath(fieldPath)]));
  return { sourceName, line, value, position, at: (fieldPath) => `${sourceName}:${position(fieldPath).line}` };
}

/** Where the field stands, or the nearest one around it that is there. */
function offsetOf(document: Document.Parsed, path: readonly string[]): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && textOfKey(item.key) === step);
      if (pair === undefined) return offset;
      offset = rangeOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(step)];
      if (item === undefined) return offset;
      offset = rangeOf(item) ?? offset;
      node = item;
    } else {
      return offset;
    }
  }
  return offset;
}

function rangeOf(node: unknown): number | undefined {
  const range = (node as { range?: readonly number[] | null } | null)?.range;
  return range?.[0];
}

function explainSyntax(message: string): string {
  // The library recurses; a text that overflows its stack is no manifest.
  if (message.includes('call stack')) return `is nested more than ${MANIFEST_LIMITS.depth} levels deep`;
  return `error parsing YAML: ${message.split('\n')[0] ?? message}`;
}
