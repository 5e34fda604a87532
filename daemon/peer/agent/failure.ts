import { KithError } from '../../../protocol/errors.ts';

/** What was thrown, as the result of an action. */
export function failure(error: unknown): { ok: false; code: string; message: string } {
  if (isKithError(error)) return { ok: false, code: error.code, message: error.message };
  return { ok: false, code: 'Internal', message: error instanceof Error ? error.message : String(error) };
}

function isKithError(error: unknown): error is KithError {
  return error instanceof KithError;
}
