import { KithError } from '../../protocol/errors.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';

/** What a person wrote on the command line can not be read, or does not fit. @throws CliError */
export function asUsage<T>(read: () => T, exitCode = EXIT_USAGE): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof KithError) throw new CliError(error.message, exitCode);
    throw error;
  }
}
