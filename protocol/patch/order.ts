/**
 * Puts a merged list into a wanted order: items that are in it stand as it says; the others keep their places among those that were there before. As upstream's strategic merge
 * patch does it (k8s.io/apimachinery/pkg/util/strategicpatch, normalizeElementOrder).
 * @param identify what makes two items the same
 */
export function inWantedOrder<T>(
  merged: readonly T[],
  wanted: readonly string[],
  before: readonly string[],
  identify: (item: T) => string,
): T[] {
  const wantedAt = new Map(wanted.map((key, index) => [key, index]));
  const beforeAt = new Map(before.map((key, index) => [key, index]));
  const named = merged.filter((item) => wantedAt.has(identify(item)));
  named.sort((left, right) => (wantedAt.get(identify(left)) ?? 0) - (wantedAt.get(identify(right)) ?? 0));
  const others = merged.filter((item) => !wantedAt.has(identify(item)));
  const result: T[] = [];
  for (const item of named) {
    const at = beforeAt.get(identify(item));
    // A new item goes before the others; one that was there lets those pass that stood before it.
    while (at !== undefined && others.length > 0 && (beforeAt.get(identify(others[0] as T)) ?? 0) < at) result.push(others.shift() as T);
    result.push(item);
  }
  return [...result, ...others];
}
