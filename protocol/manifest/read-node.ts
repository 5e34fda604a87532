import type { Document, LineCounter, Pair, ParsedNode, YAMLMap } from 'yaml';
import { isAlias, isMap, isPair, isScalar, isSeq } from 'yaml';
import type { Json, JsonObject } from '../json.ts';
import type { ManifestError, SourcePosition } from './document.ts';
import { MANIFEST_LIMITS } from './limits.ts';

type Node = ParsedNode | null;

/** A file's budget of values; shared by its documents. */
export interface Budget {
  values: number;
}

/** Stops reading: the rest of the document is of no use. */
export class UnreadableDocument extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/**
 * Turns one parsed document into JSON. Own code instead of the library's `toJS`, because it bounds depth and size with aliases expanded, finds duplicate keys in linear
 * time, and keeps keys as they were written.
 */
export class NodeReader {
  readonly errors: ManifestError[] = [];
  private readonly anchors = new Map<string, Node>();
  private readonly sourceName: string;
  private readonly lines: LineCounter;
  private readonly budget: Budget;
  /** Aliases that are being expanded: one that holds itself would never end. */
  private readonly open = new Set<Node>();
  /** Where the outermost of them stands: what goes wrong inside is told there. */
  private aliasOffset = 0;

  constructor(sourceName: string, lines: LineCounter, budget: Budget) {
    this.sourceName = sourceName;
    this.lines = lines;
    this.budget = budget;
  }

  read(document: Document.Parsed): Json {
    return this.value(document.contents, 0);
  }

  private value(node: Node, depth: number): Json {
    this.budget.values -= 1;
    const offset = this.open.size > 0 ? this.aliasOffset : (node?.range?.[0] ?? 0);
    if (this.budget.values < 0) {
      throw new UnreadableDocument(`has more than ${MANIFEST_LIMITS.values} values, with aliases expanded`, offset);
    }
    if (depth > MANIFEST_LIMITS.depth) throw new UnreadableDocument(`is nested more than ${MANIFEST_LIMITS.depth} levels deep`, offset);
    if (node === null) return null;
    if (isAlias(node)) return this.aliased(node.source, offset, (target) => this.value(target, depth + 1));
    if (node.anchor !== undefined) this.anchors.set(node.anchor, node);
    if (isMap(node)) return this.mapping(node, depth);
    if (isSeq(node)) return node.items.map((item) => this.value(item as Node, depth + 1));
    return this.scalar(node);
  }

  private scalar(node: Exclude<Node, null>): Json {
    const value: unknown = isScalar(node) ? node.value : null;
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    if (value === undefined) return null;
    throw new UnreadableDocument('a value is neither text, number, boolean nor null', node.range[0]);
  }

  private aliased<Result>(anchor: string, offset: number, read: (target: Node) => Result): Result {
    const target = this.anchors.get(anchor);
    if (target === undefined) throw new UnreadableDocument(`unknown anchor '${anchor}' referenced`, offset);
    if (this.open.has(target)) throw new UnreadableDocument(`anchor '${anchor}' value contains itself`, offset);
    if (this.open.size === 0) this.aliasOffset = offset;
    this.open.add(target);
    const result = read(target);
    this.open.delete(target);
    return result;
  }

  private mapping(node: YAMLMap.Parsed, depth: number): JsonObject {
    const merged: JsonObject = {};
    const own: JsonObject = {};
    const seen = new Set<string>();
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const key = this.keyOf(pair);
      const offset = pair.key?.range?.[0] ?? node.range[0];
      if (key === '__proto__') throw new UnreadableDocument('the key "__proto__" is not allowed', offset);
      if (key === '<<' && isPlainKey(pair)) {
        this.mergeInto(merged, pair.value, depth, offset);
        continue;
      }
      if (seen.has(key)) this.report(`found duplicate key ${JSON.stringify(key)}`, offset);
      seen.add(key);
      own[key] = this.value(pair.value, depth + 1);
    }
    return { ...merged, ...own };
  }

  /** Earlier mappings of a list win over later ones; all lose to the mapping's own keys. */
  private mergeInto(merged: JsonObject, node: Node, depth: number, offset: number): void {
    const isList = isSeq(node);
    const value = this.value(node, depth + 1);
    for (const source of isList && Array.isArray(value) ? value : [value]) {
      if (source === null || typeof source !== 'object' || Array.isArray(source)) {
        throw new UnreadableDocument('map merge requires map or sequence of maps as the value', offset);
      }
      for (const [key, member] of Object.entries(source)) if (!Object.hasOwn(merged, key)) merged[key] = member;
    }
  }

  /** The text of the key as it stands, so that `on:` or `1.10:` stay what their writer sees. */
  private keyOf(pair: Pair<ParsedNode, ParsedNode | null>): string {
    const key: unknown = pair.key;
    if (isAlias(key)) {
      return this.aliased(key.source, key.range?.[0] ?? 0, (target) => textOfKey(target) ?? '');
    }
    const text = textOfKey(key);
    if (text === undefined) throw new UnreadableDocument('a key is not plain text', pair.key?.range?.[0] ?? 0);
    if (isScalar(key) && key.anchor !== undefined) this.anchors.set(key.anchor, key as Node);
    return text;
  }

  private report(message: string, offset: number): void {
    if (this.errors.length >= MANIFEST_LIMITS.errors) return;
    this.errors.push({ sourceName: this.sourceName, ...positionAt(this.lines, offset), message });
  }
}

/** Undefined for a key that is itself a mapping or a list. */
export function textOfKey(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  if (key.source !== undefined) return key.source;
  return typeof key.value === 'string' ? key.value : '';
}

function isPlainKey(pair: Pair<ParsedNode, ParsedNode | null>): boolean {
  return isScalar(pair.key) && pair.key.type === 'PLAIN';
}

export function positionAt(lines: LineCounter, offset: number): SourcePosition {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}
