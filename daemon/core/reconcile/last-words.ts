import type { Container } from '../../../protocol/types.ts';
import type { RuntimeContainer } from '../../ports/runtime.ts';

/** As much of the log of a failed container stands in for its last words: Kubernetes' bounds, whichever is less. */
export const LAST_WORDS = { lines: 80, bytes: 2_048 } as const;

/** Whether the end of the log stands in for last words that a container did not leave: when its spec says so, and it failed. */
export function wantsLog(spec: Container | undefined, container: RuntimeContainer): boolean {
  const failed = container.state === 'exited' && container.exitCode !== 0;
  return failed && container.terminationMessage === undefined && spec?.terminationMessagePolicy === 'FallbackToLogsOnError';
}

/** The end of a log, lines as they come. Holds no more than it gives. */
export class LogEnd {
  #kept = Buffer.alloc(0);

  add(line: Uint8Array): void {
    // What a line has beyond the bound is cut before it is copied.
    this.#kept = lastOf(Buffer.concat([this.#kept, line.subarray(-LAST_WORDS.bytes), NEWLINE]));
  }

  /** Not begun with half a character. */
  text(): string {
    let from = 0;
    while (from < 3 && ((this.#kept[from] ?? 0) & 0xc0) === 0x80) from += 1;
    return this.#kept.toString('utf8', from);
  }
}

const NEWLINE = Buffer.from('\n');

function lastOf(bytes: Buffer): Buffer<ArrayBuffer> {
  return Buffer.from(bytes.subarray(-LAST_WORDS.bytes));
}
