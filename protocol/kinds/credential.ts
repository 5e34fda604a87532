import type { KubeObject } from '../objects.ts';
import { object, oneOf, string, strings, time } from '../schema/build.ts';
import type { CredentialSpec } from '../types.ts';
import { humanDuration } from '../values/duration.ts';
import { parseTime } from '../values/time.ts';
import { ageColumn, column, nameColumn, NONE, UNKNOWN } from './columns.ts';
import type { KindDefinition } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { typeMetaFields } from './type-meta.ts';

/** Names are fingerprints of certificates (SHA-256 in hex) or ids of tokens. */
function checkCredentialName(name: string): string[] {
  return /^[0-9a-f]{32,64}$/.test(name) ? [] : ['must be the fingerprint of a certificate or the id of a token'];
}

/**
 * A client certificate or a bearer token that was given out for the API. It holds no secret. What the cluster's key signed counts only while its credential is here:
 * deleting it takes the certificate or token back, and whoever made off with the key can't make others.
 */
export const credentialKind: KindDefinition = {
  group: 'kith.dev',
  version: 'v1',
  kind: 'Credential',
  plural: 'credentials',
  singular: 'credential',
  shortNames: [],
  namespaced: false,
  categories: [],
  verbs: ['delete', 'get', 'list', 'watch'],
  subresources: [],
  internal: true,
  schema: object(
    'Credential',
    'A client certificate or a token for the API.',
    {
      ...typeMetaFields,
      metadata: objectMetaSchema,
      spec: object(
        'CredentialSpec',
        'Whose it is, and until when it holds.',
        {
          type: oneOf('What was given out.', ['certificate', 'token']),
          user: string('Who may use it.'),
          groups: strings('Groups of the user.'),
          expiresAt: time('When it ends.'),
        },
        { required: ['type', 'user', 'expiresAt'] },
      ),
    },
    { required: ['spec'] },
  ),
  mergeUnits: { members: ['/spec'] },
  checkName: checkCredentialName,
  columns: [
    nameColumn,
    column('Type', 'What was given out.', (credential) => specOf(credential).type ?? NONE),
    column('User', 'Who may use it.', (credential) => specOf(credential).user ?? NONE),
    column('Expires', 'Time until it ends.', (credential, now) => showExpiry(specOf(credential).expiresAt, now)),
    ageColumn,
  ],
};

function specOf(credential: KubeObject): Partial<CredentialSpec> {
  return credential.spec ?? {};
}

function showExpiry(expiresAt: string | undefined, now: number): string {
  const at = parseTime(expiresAt ?? '');
  if (at === undefined) return UNKNOWN;
  return at <= now ? 'expired' : `in ${humanDuration(at - now)}`;
}
