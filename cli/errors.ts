/** Exit codes of `kith`: 0 done, 1 failed, 2 the command line is wrong, 3 no daemon was found. */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_NO_DAEMON = 3;

/** Ends the command with a message for the person; anything else that is thrown is a bug. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_FAILED) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** One thing that a Status says is wrong; `field` is a path such as `spec.containers[0].image`. */
export interface StatusCause {
  field?: string;
  message: string;
}

/** A Kubernetes Status that the server answered. */
export class ApiError extends CliError {
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly StatusCause[];

  constructor(status: number, reason: string, message: string, causes: readonly StatusCause[] = []) {
    super(`Error from server (${reason}): ${message}`);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
    this.causes = causes;
  }
}

/** A command in a pod ended otherwise than with 0; ours ends likewise. */
export class RemoteExit extends CliError {
  constructor(code: number) {
    super(`command terminated with exit code ${code}`, code);
    this.name = 'RemoteExit';
  }
}
