import { KithError } from '../../../protocol/errors.ts';

/** A server that can't prove that it is of the token's cluster. */
export function impostor(address: string, reason: string): KithError {
  return new KithError('JoinRefused', `did not join at ${address}: ${reason}`, { address, code: 'NotTheCluster' });
}

/** `code` is the server's. */
export function refused(address: string, code: string, reason: string): KithError {
  return new KithError('JoinRefused', `${address} refused to let this host join: ${reason}`, { address, code });
}

export function unreachable(address: string, reason: string, cause?: unknown): KithError {
  return new KithError('JoinUnreachable', `${address}: ${reason}`, { address }, { cause });
}
