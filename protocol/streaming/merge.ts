/** Several sources as one, until all have ended or one throws. A source is asked for its next item when its last one was taken. */
export async function* merge<Item>(...sources: readonly AsyncIterable<Item>[]): AsyncGenerator<Item> {
  const ready: { item: Item; taken: () => void }[] = [];
  let left = sources.length;
  let failure: { error: unknown } | undefined;
  let over = false;
  let wake: (() => void) | undefined;
  const copy = async (source: AsyncIterable<Item>): Promise<void> => {
    for await (const item of source) {
      await new Promise<void>((taken) => {
        ready.push({ item, taken });
        wake?.();
      });
      if (over) return;
    }
  };
  for (const source of sources) {
    copy(source)
      .catch((error: unknown) => (failure ??= { error }))
      .finally(() => {
        left -= 1;
        wake?.();
      });
  }
  try {
    for (;;) {
      const next = ready.shift();
      if (next !== undefined) {
        yield next.item;
        next.taken();
      } else if (failure !== undefined) {
        throw failure.error;
      } else if (left === 0) {
        return;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  } finally {
    over = true;
    for (const { taken } of ready) taken();
  }
}
