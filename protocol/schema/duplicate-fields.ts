import { childPath } from './field-errors.ts';

/** Problems that one answer lists. */
const MAX_DUPLICATES = 20;

interface Frame {
  path: string;
  /** Of an object; undefined for a list. */
  keys: Set<string> | undefined;
  /** The member that is being read. */
  at: string | number;
  expectsKey: boolean;
}

/** Paths of fields that a JSON text names twice in one object: parsers keep one and tell nobody. The text is known to be valid JSON. */
export function duplicateFields(json: string): string[] {
  const found = new Set<string>();
  const frames: Frame[] = [];
  for (let index = 0; index < json.length && found.size < MAX_DUPLICATES; index += 1) {
    const frame = frames.at(-1);
    switch (json[index]) {
      case '"': {
        const end = closingQuote(json, index);
        if (frame?.expectsKey === true) noteKey(frame, JSON.parse(json.slice(index, end + 1)) as string, found);
        index = end;
        break;
      }
      case '{':
        frames.push({ path: pathOf(frame), keys: new Set(), at: '', expectsKey: true });
        break;
      case '[':
        frames.push({ path: pathOf(frame), keys: undefined, at: 0, expectsKey: false });
        break;
      case '}':
      case ']':
        frames.pop();
        break;
      case ',':
        if (frame === undefined) break;
        if (typeof frame.at === 'number') frame.at += 1;
        else frame.expectsKey = true;
        break;
      default:
    }
  }
  return [...found];
}

function noteKey(frame: Frame, key: string, found: Set<string>): void {
  if (frame.keys?.has(key) === true) found.add(childPath(frame.path, key));
  frame.keys?.add(key);
  frame.at = key;
  frame.expectsKey = false;
}

function pathOf(frame: Frame | undefined): string {
  return frame === undefined ? '' : childPath(frame.path, frame.at);
}

function closingQuote(json: string, open: number): number {
  let index = open + 1;
  while (index < json.length && json[index] !== '"') index += json[index] === '\\' ? 2 : 1;
  return index;
}
