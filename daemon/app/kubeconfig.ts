import { stringify } from 'yaml';
import type { ClusterKeys } from '../adapters/identity/cluster.ts';
import { issueApiToken } from '../adapters/x509/api-token.ts';
import { issueClientCertificate } from '../adapters/x509/certificates.ts';

const ADMIN_GROUP = 'system:masters';
/** A token can't be taken back, so it does not live long. */
const TOKEN_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** A kubeconfig with a new client certificate, or a token for a day; each peer is a cluster and a context of its own, the first one is current. */
export async function kubeconfigFor(
  wanted: { user: string; credential: 'certificate' | 'token' },
  keys: ClusterKeys,
  servers: readonly string[],
  nowMs: number,
): Promise<string> {
  const name = (index: number): string => (index === 0 ? 'kith' : `kith-${index + 1}`);
  const account = `kith-${wanted.user}`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'kith',
    clusters: servers.map((server, index) => ({
      name: name(index),
      cluster: { server, 'certificate-authority-data': inline(keys.caCertificate) },
    })),
    users: [{ name: account, user: await credentialOf(wanted, keys, nowMs) }],
    contexts: servers.map((_, index) => ({ name: name(index), context: { cluster: name(index), user: account } })),
  });
}

async function credentialOf(
  { user, credential }: { user: string; credential: 'certificate' | 'token' },
  keys: ClusterKeys,
  nowMs: number,
): Promise<object> {
  const holder = { user, groups: [ADMIN_GROUP] };
  if (credential === 'token') return { token: issueApiToken(keys.caKey, holder, nowMs + TOKEN_LIFETIME_MS) };
  const client = await issueClientCertificate({ certificate: keys.caCertificate, key: keys.caKey }, holder, nowMs);
  return { 'client-certificate-data': inline(client.certificate), 'client-key-data': inline(client.key) };
}

function inline(text: string): string {
  return Buffer.from(text).toString('base64');
}
