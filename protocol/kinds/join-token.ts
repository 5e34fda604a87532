import type { KubeObject } from '../objects.ts';
import { object, string, time } from '../schema/build.ts';
import type { JoinTokenSpec } from '../types.ts';
import { humanDuration } from '../values/duration.ts';
import { parseTime } from '../values/time.ts';
import { ageColumn, column, nameColumn, NONE, UNKNOWN } from './columns.ts';
import type { KindDefinition } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { typeMetaFields } from './type-meta.ts';

/** What stands for the secret wherever a token is shown: who has the API's read rights must not be able to join hosts. */
export const REDACTED = '(redacted)';

/** Names are token ids, which Kith makes: base64url or hex. */
function checkTokenId(name: string): string[] {
  return /^[A-Za-z0-9_-]{1,128}$/.test(name) ? [] : ['must be the id of a join token'];
}

/** An invitation to join. Kept by the daemons. */
export const joinTokenKind: KindDefinition = {
  group: 'kith.dev',
  version: 'v1',
  kind: 'JoinToken',
  plural: 'jointokens',
  singular: 'jointoken',
  shortNames: [],
  namespaced: false,
  categories: [],
  verbs: ['get', 'list', 'watch'],
  subresources: [],
  internal: true,
  schema: object(
    'JoinToken',
    'An invitation to join the cluster.',
    {
      ...typeMetaFields,
      metadata: objectMetaSchema,
      spec: object(
        'JoinTokenSpec',
        'The secret, and until when it holds.',
        {
          secret: string('The secret, base64url; members only ever see it.'),
          expiresAt: time('When it ends.'),
          usedBy: string('Peer id that used it.'),
        },
        { required: ['secret', 'expiresAt'] },
      ),
    },
    { required: ['spec'] },
  ),
  mergeUnits: { members: ['/spec'] },
  checkName: checkTokenId,
  redact,
  columns: [
    nameColumn,
    column('Expires', 'Time until it ends.', (token, now) => showExpiry(specOf(token).expiresAt, now)),
    column('Used By', 'Peer that used it.', (token) => specOf(token).usedBy ?? NONE),
    ageColumn,
  ],
};

function specOf(token: KubeObject): Partial<JoinTokenSpec> {
  return token.spec ?? {};
}

function redact(token: KubeObject): KubeObject {
  return { ...token, spec: { ...specOf(token), secret: REDACTED } };
}

function showExpiry(expiresAt: string | undefined, now: number): string {
  const at = parseTime(expiresAt ?? '');
  if (at === undefined) return UNKNOWN;
  return at <= now ? 'expired' : `in ${humanDuration(at - now)}`;
}
