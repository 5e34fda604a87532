/** All of them, so many at a time, in order. */
export async function inBatches<T, R>(all: readonly T[], atOnce: number, act: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let first = 0; first < all.length; first += atOnce) results.push(...(await Promise.all(all.slice(first, first + atOnce).map(act))));
  return results;
}
