import { TOKEN_SECRET_BYTES, encodeJoinToken } from '../../../protocol/token.ts';
import type { JoinTokenSpec } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { Random } from '../../ports/clock.ts';

export const DEFAULT_TOKEN_LIFETIME_MS = 24 * 60 * 60 * 1000;
const ID_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const ID_LENGTH = 10;

export interface TokenDraft {
  /** Name of the JoinToken object. */
  id: string;
  spec: JoinTokenSpec;
  /** What the person copies. */
  text: string;
}

/** A new token: `spec` goes into the desired state, `text` to the person. `now` is in ms since 1970. */
export function draftJoinToken(
  { rootHash, addresses, lifetimeMs = DEFAULT_TOKEN_LIFETIME_MS }: { rootHash: string; addresses: string[]; lifetimeMs?: number },
  random: Random,
  now: number,
): TokenDraft {
  const secret = random.bytes(TOKEN_SECRET_BYTES);
  const id = Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[Math.floor(random.next() * ID_ALPHABET.length)]).join('');
  // Whole seconds, as the object's field holds them: the token and the object say the same.
  const expiresAt = Math.floor((now + lifetimeMs) / 1000) * 1000;
  return {
    id,
    spec: { secret: Buffer.from(secret).toString('base64url'), expiresAt: formatTime(expiresAt) },
    text: encodeJoinToken({ rootHash, id, secret, expiresAt, addresses }),
  };
}
