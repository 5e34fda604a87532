import { KithError } from '../../../protocol/errors.ts';

/** What LevelDB says of the system's ENOSPC and EDQUOT: it keeps the text only. */
const FULL = /no space left on device|disk quota exceeded|ENOSPC|EDQUOT/i;

/** A file that LevelDB's own list of files names. */
const FILE_GONE = /no such file/i;

/**
 * What classic-level throws, in the port's words: `StoreLocked`, `StoreFull`, `StoreCorrupt`, `StoreFailed` for the rest (an I/O error, a folder that may not be
 * read).
 */
export function storeError(error: unknown, directory: string): unknown {
  if (error instanceof KithError) return error;
  const causes = [...chain(error)];
  const codes = causes.map(codeOf);
  const text = causes.map((cause) => (cause instanceof Error ? cause.message : String(cause))).join(': ');
  const details = { directory };
  const options = { cause: error };
  if (codes.includes('LEVEL_LOCKED')) {
    return new KithError(
      'StoreLocked',
      `another process has ${directory} open: stop that daemon, or give this one a --data-dir of its own`,
      details,
      options,
    );
  }
  if (FULL.test(text) || codes.includes('ENOSPC')) {
    return new KithError('StoreFull', `the disk under ${directory} is full: nothing was written; free some space`, details, options);
  }
  if (codes.includes('LEVEL_CORRUPTION') || (codes.includes('LEVEL_IO_ERROR') && FILE_GONE.test(text))) {
    return new KithError(
      'StoreCorrupt',
      `the store in ${directory} is damaged (${text}): move it away; its contents come back from the other peers`,
      details,
      options,
    );
  }
  return new KithError('StoreFailed', `the store in ${directory} can't be used: ${text}`, details, options);
}

export function isCorruption(error: unknown): boolean {
  return [...chain(error)].some((cause) => codeOf(cause) === 'LEVEL_CORRUPTION');
}

function* chain(error: unknown): Iterable<unknown> {
  let cause = error;
  // Errors of classic-level nest two deep.
  for (let depth = 0; depth < 4 && cause !== undefined; depth += 1) {
    yield cause;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
