export type LogFields = Readonly<Record<string, unknown>>;

/** Lines for the person who runs the daemon. `message` is a sentence; what varies goes into `fields`. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that puts `fields` on every line. */
  child(fields: LogFields): Log;
}
