import { beforeAll, describe, expect, it } from 'vitest';
import { issueApiToken, readApiToken } from '../../../daemon/adapters/x509/api-token.ts';
import { createClusterCa, type ClusterCa } from '../../../daemon/adapters/x509/certificates.ts';

const NOW = Date.UTC(2026, 0, 1);
const HOLDER = { id: 'token-1', user: 'ann', groups: ['system:masters'] };

describe('API tokens', () => {
  let ca: ClusterCa;
  let other: ClusterCa;
  beforeAll(async () => {
    ca = await createClusterCa('one', NOW);
    other = await createClusterCa('two', NOW);
  });

  it('speak for their holder until they end', () => {
    const token = issueApiToken(ca.key, HOLDER, NOW + 1000);
    expect(readApiToken(ca.certificate, token, NOW)).toEqual(HOLDER);
    expect(readApiToken(ca.certificate, token, NOW + 1000)).toBeUndefined();
  });

  it('of another cluster, changed or made up are nobody', () => {
    const token = issueApiToken(ca.key, HOLDER, NOW + 1000);
    expect(readApiToken(other.certificate, token, NOW)).toBeUndefined();
    const [prefix, , signature] = token.split('.');
    const claims = Buffer.from(JSON.stringify({ ...HOLDER, user: 'eve', expiresAt: NOW + 9000 })).toString('base64url');
    expect(readApiToken(ca.certificate, `${prefix}.${claims}.${signature}`, NOW)).toBeUndefined();
    for (const text of ['', 'x', 'kithapi1..', 'kithapi1.a.b.c', `${token}x`, 'k'.repeat(5000)])
      expect(readApiToken(ca.certificate, text, NOW)).toBeUndefined();
  });
});
