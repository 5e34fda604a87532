/** Longer texts are made anew each time: a second copy of large objects would cost more memory than it saves work. */
const MAX_KEPT_CHARACTERS = 16 * 1024;

const texts = new WeakMap<object, string>();

/**
 * The JSON of an object that nobody changes any more, kept as long as the object: what is listed again and again, and the event that a hundred watches
 * show, is written once.
 */
export function jsonText(object: object): string {
  const kept = texts.get(object);
  if (kept !== undefined) return kept;
  const text = JSON.stringify(object);
  if (text.length <= MAX_KEPT_CHARACTERS) texts.set(object, text);
  return text;
}
