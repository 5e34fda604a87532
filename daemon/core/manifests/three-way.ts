import { jsonEqual } from '../../../protocol/json.ts';
import type { Json, JsonObject } from '../../../protocol/json.ts';

/**
 * `current` with what differs between `base` (what a file said) and `next` (what it says now): fields that the file did not change stay as others set them.
 * Objects merge member by member, everything else is one value. The idea is `kubectl apply`'s.
 */
export function mergeThreeWay(base: JsonObject, next: JsonObject, current: JsonObject): JsonObject {
  const merged: JsonObject = { ...current };
  for (const name of Object.keys(base)) if (!Object.hasOwn(next, name)) delete merged[name];
  for (const [name, value] of Object.entries(next)) {
    const before = Object.hasOwn(base, name) ? base[name] : undefined;
    if (before !== undefined && jsonEqual(before, value)) continue;
    const now = Object.hasOwn(merged, name) ? merged[name] : undefined;
    merged[name] = isObject(value) && isObject(now) ? mergeThreeWay(isObject(before) ? before : {}, value, now) : value;
  }
  return merged;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
