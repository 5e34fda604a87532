import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import type { Mutation } from '../../protocol/desired.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { CredentialSpec } from '../../protocol/types.ts';
import { formatTime } from '../../protocol/values/time.ts';
import type { ClusterKeys } from '../adapters/identity/cluster.ts';
import { issueApiToken } from '../adapters/x509/api-token.ts';
import { CLIENT_LIFETIME_MS, fingerprint, issueClientCertificate } from '../adapters/x509/certificates.ts';
import type { Replica } from '../ports/replica.ts';

const TOKEN_LIFETIME_MS = 24 * 60 * 60 * 1000;
const TOKEN_ID_BYTES = 16;
const CREDENTIALS = 'credentials.kith.dev';

/** Something that was signed for a user: what the user gets, and what desired state has to hold for it to count. */
export interface IssuedCredential {
  /** The user's entry in a kubeconfig. */
  user: object;
  /** Name of the Credential. */
  name: string;
  spec: CredentialSpec;
}

export async function issueCredential(
  type: CredentialSpec['type'],
  { user, groups }: { user: string; groups: readonly string[] },
  keys: ClusterKeys,
  nowMs: number,
): Promise<IssuedCredential> {
  const expiresAt = nowMs + (type === 'token' ? TOKEN_LIFETIME_MS : CLIENT_LIFETIME_MS);
  const spec: CredentialSpec = { type, user, groups: [...groups], expiresAt: formatTime(expiresAt) };
  if (type === 'token') {
    const name = randomBytes(TOKEN_ID_BYTES).toString('hex');
    return { name, spec, user: { token: issueApiToken(keys.caKey, { id: name, user, groups }, expiresAt) } };
  }
  const client = await issueClientCertificate({ certificate: keys.caCertificate, key: keys.caKey }, { user, groups }, nowMs);
  const entry = { 'client-certificate-data': inline(client.certificate), 'client-key-data': inline(client.key) };
  return { name: fingerprint(client.certificate), spec, user: entry };
}

/** Writes the credential down; those past their time go then, as they are of no use to anyone. */
export function createCredential(replica: Replica, { name, spec }: Pick<IssuedCredential, 'name' | 'spec'>, nowMs: number): Mutation[] {
  const at = formatTime(nowMs);
  const object = { apiVersion: 'kith.dev/v1', kind: 'Credential', metadata: { name, uid: '', creationTimestamp: at }, spec };
  const expired = [...replica.list(CREDENTIALS)]
    .filter((credential) => !(Date.parse((credential.object.spec as CredentialSpec).expiresAt) >= nowMs))
    .map(({ key, uid }): Mutation => ({ type: 'bury', key, uid, at }));
  return [{ type: 'create', key: objectKey(CREDENTIALS, '', name), object }, ...expired];
}

/** Whether what was signed for the user counts, by the fingerprint of a certificate or the id of a token. */
export function credentialCounts(replica: Pick<Replica, 'get'>, type: CredentialSpec['type'], name: string, user: string): boolean {
  const spec = replica.get(objectKey(CREDENTIALS, '', name))?.object.spec as CredentialSpec | undefined;
  return spec?.type === type && spec.user === user;
}

/**
 * Each peer is a cluster and a context of its own, the first one is current. The last one, where there is one, is the daemon of the host on which the file is used.
 * @param loopback URL of the asked peer on its own host
 */
export function kubeconfigText(
  { user, spec }: IssuedCredential,
  keys: ClusterKeys,
  peers: readonly string[],
  loopback: string | undefined,
): string {
  const servers = [...peers, ...(loopback === undefined ? [] : [loopback])];
  const name = (index: number): string => (index === peers.length ? 'kith-local' : index === 0 ? 'kith' : `kith-${index + 1}`);
  const account = `kith-${spec.user}`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'kith',
    clusters: servers.map((server, index) => ({
      name: name(index),
      cluster: { server, 'certificate-authority-data': inline(keys.caCertificate) },
    })),
    users: [{ name: account, user }],
    contexts: servers.map((_, index) => ({ name: name(index), context: { cluster: name(index), user: account } })),
  });
}

function inline(text: string): string {
  return Buffer.from(text).toString('base64');
}
