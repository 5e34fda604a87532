import { beforeAll, describe, expect, it } from 'vitest';
import { createCredential, credentialCounts, issueCredential } from '../../daemon/app/credentials.ts';
import type { ClusterKeys } from '../../daemon/adapters/identity/cluster.ts';
import { createClusterCa } from '../../daemon/adapters/x509/certificates.ts';
import { kindOfResource } from '../../protocol/kinds/registry.ts';
import { validateMerged } from '../../protocol/kinds/merged.ts';
import { makeReplica } from '../support/replica-world.ts';

const NOW = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

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
      const issued = await issueCredential(type, 'ann', keys, NOW);
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
    const [old, lasting] = [await issueCredential('token', 'ann', keys, NOW), await issueCredential('certificate', 'ann', keys, NOW)];
    for (const issued of [old, lasting]) await replica.write(createCredential(replica, issued, NOW));
    const later = NOW + 2 * DAY_MS;
    const fresh = await issueCredential('token', 'ann', keys, later);
    await replica.write(createCredential(replica, fresh, later));
    const names = [...replica.list('credentials.kith.dev')].map(({ object }) => object.metadata.name);
    expect(names.sort()).toEqual([lasting.name, fresh.name].sort());
  });
});
