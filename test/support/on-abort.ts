/** What to do when a signal aborts: one listener a signal, however many requests it ends. */
const onAborts = new WeakMap<AbortSignal, Set<() => void>>();

export function onAbort(signal: AbortSignal, action: () => void): () => void {
  let actions = onAborts.get(signal);
  if (actions === undefined) {
    onAborts.set(signal, (actions = new Set()));
    const all = actions;
    signal.addEventListener(
      'abort',
      () => {
        for (const each of [...all]) each();
      },
      { once: true },
    );
  }
  const entry = (): void => action();
  actions.add(entry);
  return () => actions.delete(entry);
}
