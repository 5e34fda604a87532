/** JSON values as the replica, the wire and the API share them. */
export type JsonPrimitive = string | number | boolean | null;
export type Json = JsonPrimitive | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/**
 * Canonical JSON: object keys sorted by UTF-16 code unit, `undefined` members dropped, no white space. Two peers compare
 * and hash objects by this text, never by saved Automerge bytes (those depend on merge order).
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object' || isSorted(value)) return JSON.stringify(value) ?? 'null';
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) text += text === '' ? canonicalJson(item) : `,${canonicalJson(item)}`;
    return `[${text}]`;
  }
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record).sort()) {
    const member = record[key];
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return `{${text}}`;
}

/** Whether two JSON values have the same canonical JSON. It makes no text of them: unchanged status is compared far more often than written. */
export function jsonEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return (left ?? null) === (right ?? null);
  if (Array.isArray(left) || Array.isArray(right)) {
    return (
      Array.isArray(left) && Array.isArray(right) && left.length === right.length && left.every((item, at) => jsonEqual(item, right[at]))
    );
  }
  return recordsEqual(left as Record<string, unknown>, right as Record<string, unknown>);
}

function recordsEqual(left: Record<string, unknown>, right: Record<string, unknown>): boolean {
  let members = 0;
  for (const key of Object.keys(left)) {
    const member = left[key];
    if (member === undefined) continue;
    if (!Object.hasOwn(right, key) || right[key] === undefined || !jsonEqual(member, right[key])) return false;
    members += 1;
  }
  for (const key of Object.keys(right)) if (right[key] !== undefined) members -= 1;
  return members === 0;
}

/** Whether all members are in order already, at every depth: most objects come so, from canonical JSON, and the engine's own text of them is canonical then. */
function isSorted(value: object): boolean {
  if (Array.isArray(value)) return value.every((item) => typeof item !== 'object' || item === null || isSorted(item as object));
  let before = '';
  for (const [key, member] of Object.entries(value)) {
    if (key < before || (typeof member === 'object' && member !== null && !isSorted(member as object))) return false;
    before = key;
  }
  return true;
}

/** Whether lists and maps lie deeper in each other than that. Of a text that is no JSON it may say either. */
export function isDeeper(text: string, most: number): boolean {
  if (text.length <= 2 * most) return false;
  let depth = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) index += character === '\\' ? 1 : 0;
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth -= 1;
    if (depth > most) return true;
  }
  return false;
}
