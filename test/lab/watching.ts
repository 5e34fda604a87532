/** How often a claim that something does not happen is looked at. */
const LOOK_EVERY_MS = 50;

/** For claims that nothing happens for a time: looks all the while, and fails at the first violation, by the look's own error. */
export async function watchFor(forMs: number, look: () => void | Promise<void>): Promise<void> {
  const until = performance.now() + forMs;
  do {
    await look();
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  } while (performance.now() < until);
  await look();
}
