import { ApiClient } from '../../cli/client.ts';
import type { LabHost } from '../lab/types.ts';

/** A write waits 2 s for other members; a frozen peer answers never. */
const ANSWER_MS = 6_000;

export interface Called<T> {
  value: T;
  /** The answer came with a warning: no other member has confirmed the write. */
  warned: boolean;
}

/** @throws ApiError where it is refused, another error where nobody answers */
export async function callHost<T>(
  host: LabHost,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Called<T>> {
  let warned = false;
  const client = new ApiClient({ type: 'socket', path: host.kithSocket }, () => (warned = true));
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : undefined;
  const answer = await client.call({ method, path, body, contentType, signal: AbortSignal.timeout(ANSWER_MS) });
  return { value: answer.body as T, warned };
}
