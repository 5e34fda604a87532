import { X509Certificate } from 'node:crypto';
import { parse } from 'yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { createCredential, credentialCounts, issueCredential, kubeconfigText } from '../../daemon/app/credentials.ts';
import type { ClusterKeys } from '../../daemon/adapters/identity/cluster.ts';
import { createClusterCa } from '../../daemon/adapters/x509/certificates.ts';
import { kindOfResource } from '../../protocol/kinds/registry.ts';
import { validateMerged } from '../../protocol/kinds/merged.ts';
import { makeReplica } from '../support/replica-world.ts';

const NOW = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const ann = { user: 'ann', groups: ['dev'] };

describe('credentials', () => {
  let keys: ClusterKeys;
  beforeAll(async () => {
    const ca = await createClusterCa('kith', NOW);
    keys = { clusterId: '0123456789abcdef', caCertificate: ca.certificate, caKey: ca.key };
  });

  it('count once they are written down, for their user only, until they are deleted', async () => {
    const mergeUnitsOf = (resource: string) => kindOfResource(resource)?.mergeUnits;
    const { replica } = await makeReplica({ mergeUnitsOf, validate: (object) => validateMerged(object)[0]?.message });
    for (const type of ['certificate', 'token'] as const) {
      const issued = await issueCredential(type, ann, keys, NOW);
      const counts = (user = 'ann', as: typeof type = type): boolean => credentialCounts(replica, as, issued.name, user);
      expect(counts()).toBe(false);
      const [written] = (await replica.write(createCredential(replica, issued, NOW))).objects;
      expect(counts()).toBe(true);
      expect([counts('eve'), counts('ann', type === 'token' ? 'certificate' : 'token')]).toEqual([false, false]);
      await replica.write([{ type: 'bury', key: written!.key, uid: written!.uid, at: '2026-01-01T00:00:00Z' }]);
      expect(counts()).toBe(false);
    }
  });

  it('go when they are past their time and another one is made', async () => {
    const mergeUnitsOf = (resource: string) => kindOfResource(resource)?.mergeUnits;
    const { replica } = await makeReplica({ mergeUnitsOf });
    const [old, lasting] = [await issueCredential('token', ann, keys, NOW), await issueCredential('certificate', ann, keys, NOW)];
    for (const issued of [old, lasting]) await replica.write(createCredential(replica, issued, NOW));
    const later = NOW + 2 * DAY_MS;
    const fresh = await issueCredential('token', ann, keys, later);
    await replica.write(createCredential(replica, fresh, later));
    const names = [...replica.list('credentials.kith.dev')].map(({ object }) => object.metadata.name);
    expect(names.sort()).toEqual([lasting.name, fresh.name].sort());
  });
});

describe('a kubeconfig', () => {
  it('has a context for each peer, and one for the daemon of the host on which it is used', async () => {
    const ca = await createClusterCa('kith', NOW);
    const keys = { clusterId: '0123456789abcdef', caCertificate: ca.certificate, caKey: ca.key };
    const issued = await issueCredential('certificate', ann, keys, NOW);
    const text = kubeconfigText(issued, keys, ['https://a:6443', 'https://b:6443'], 'https://127.0.0.1:6443');
    const config = parse(text) as {
      contexts: { name: string }[];
      clusters: { cluster: { server: string } }[];
      users: { user: Record<string, string> }[];
    };
    expect(config.contexts.map(({ name }) => name)).toEqual(['kith', 'kith-2', 'kith-local']);
    expect(config.clusters.map(({ cluster }) => cluster.server)).toEqual(['https://a:6443', 'https://b:6443', 'https://127.0.0.1:6443']);
    const certificate = Buffer.from(config.users[0]?.user['client-certificate-data'] ?? '', 'base64').toString();
    expect(new X509Certificate(certificate).subject.split('\n').sort()).toEqual(['CN=ann', 'O=dev']);
    expect(kubeconfigText(issued, keys, ['https://a:6443'], undefined)).not.toContain('kith-local');
  });
});
