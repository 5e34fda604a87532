/**
 * The one base class of errors that can happen in operation. `code` is stable and for programs; the message says what failed, where, and what
 * to do next. Anything else that is thrown is a bug or raw I/O.
 */
export class KithError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KithError';
    this.code = code;
    this.details = details;
  }
}

/** Stays on in production: a broken invariant must stop the operation, not spread. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}
