import { stringify } from 'yaml';
import type { ClusterKeys } from '../adapters/identity/cluster.ts';
import { issueClientCertificate } from '../adapters/x509/certificates.ts';

const ADMIN_GROUP = 'system:masters';

/** A kubeconfig with a new client certificate; each peer is a cluster and a context of its own, the first one is current. */
export async function kubeconfigFor(user: string, keys: ClusterKeys, servers: readonly string[], nowMs: number): Promise<string> {
  const ca = { certificate: keys.caCertificate, key: keys.caKey };
  const client = await issueClientCertificate(ca, { user, groups: [ADMIN_GROUP] }, nowMs);
  const inline = (text: string): string => Buffer.from(text).toString('base64');
  const name = (index: number): string => (index === 0 ? 'kith' : `kith-${index + 1}`);
  const account = `kith-${user}`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'kith',
    clusters: servers.map((server, index) => ({
      name: name(index),
      cluster: { server, 'certificate-authority-data': inline(keys.caCertificate) },
    })),
    users: [{ name: account, user: { 'client-certificate-data': inline(client.certificate), 'client-key-data': inline(client.key) } }],
    contexts: servers.map((_, index) => ({ name: name(index), context: { cluster: name(index), user: account } })),
  });
}
