import { X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  clusterIdOf,
  createClusterCa,
  fingerprint,
  issueClientCertificate,
  issueServerCertificate,
  keyMatches,
  rootHash,
} from '../../../daemon/adapters/x509/certificates.ts';
import type { ClusterCa } from '../../../daemon/adapters/x509/certificates.ts';

const DAY_MS = 86_400_000;
const now = Date.now();
let ca: ClusterCa;
let otherCa: ClusterCa;
beforeAll(async () => {
  ca = await createClusterCa('cluster one', now);
  otherCa = await createClusterCa('cluster one', now);
});

/** What each side of a TLS connection with client certificates makes of the other. */
async function handshake(client: {
  ca: string;
  certificate: string;
  key: string;
  servername: string;
}): Promise<{ user: unknown; groups: unknown }> {
  const { certificate: cert, key } = await issueServerCertificate(
    ca,
    { names: ['node-1', 'kubernetes.default.svc'], addresses: ['127.0.0.1', '::1'] },
    now,
  );
  let peer: { user: unknown; groups: unknown } | undefined;
  const server = createServer({ cert, key, ca: ca.certificate, requestCert: true, rejectUnauthorized: true }, (socket: TLSSocket) => {
    const { subject } = socket.getPeerCertificate();
    peer = { user: subject.CN, groups: subject.O };
    socket.end();
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await new Promise<void>((resolve, reject) => {
      const { port } = server.address() as AddressInfo;
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername: client.servername,
        ca: client.ca,
        cert: client.certificate,
        key: client.key,
      });
      socket.on('error', reject);
      socket.on('close', () => (peer ? resolve() : reject(new Error('the server hung up'))));
      socket.resume();
    });
  } finally {
    server.close();
  }
  return peer!;
}

describe('certificates of a cluster', () => {
  it('let a client and a server prove themselves to each other', async () => {
    const { certificate, key } = await issueClientCertificate(ca, { user: 'kubernetes-admin', groups: ['system:masters', 'ops'] }, now);
    const peer = await handshake({ ca: ca.certificate, certificate, key, servername: 'node-1' });
    expect(peer).toEqual({ user: 'kubernetes-admin', groups: ['system:masters', 'ops'] });
    await expect(handshake({ ca: ca.certificate, certificate, key, servername: 'kubernetes.default.svc' })).resolves.toBeDefined();
  });

  it('are worth nothing under another name or another cluster’s root', async () => {
    const { certificate, key } = await issueClientCertificate(ca, { user: 'ann', groups: [] }, now);
    await expect(handshake({ ca: ca.certificate, certificate, key, servername: 'evil.example' })).rejects.toThrow(/altnames/);
    await expect(handshake({ ca: otherCa.certificate, certificate, key, servername: 'node-1' })).rejects.toThrow();
    const foreign = await issueClientCertificate(otherCa, { user: 'ann', groups: [] }, now);
    await expect(handshake({ ca: ca.certificate, ...foreign, servername: 'node-1' })).rejects.toThrow();
  });

  it('are valid since yesterday, for clocks that differ, and long', async () => {
    const server = await issueServerCertificate(ca, { names: ['n'], addresses: [] }, now);
    for (const [pem, days] of [
      [ca.certificate, 3650],
      [server.certificate, 365],
    ] as const) {
      const parsed = new X509Certificate(pem);
      expect(Date.parse(parsed.validFrom)).toBeLessThanOrEqual(now - DAY_MS + 1000);
      expect(Date.parse(parsed.validTo)).toBeGreaterThan(now + days * DAY_MS);
    }
  });

  it('of the CA may sign, of others may not, and each knows its key', async () => {
    const server = await issueServerCertificate(ca, { names: ['n'], addresses: [] }, now);
    expect(new X509Certificate(ca.certificate).ca).toBe(true);
    expect(new X509Certificate(server.certificate).ca).toBe(false);
    expect(new X509Certificate(server.certificate).checkIssued(new X509Certificate(ca.certificate))).toBe(true);
    expect(new X509Certificate(server.certificate).verify(new X509Certificate(ca.certificate).publicKey)).toBe(true);
    expect(keyMatches(ca)).toBe(true);
    expect(keyMatches(server)).toBe(true);
    expect(keyMatches({ certificate: ca.certificate, key: otherCa.key })).toBe(false);
    expect(keyMatches({ certificate: 'x', key: 'y' })).toBe(false);
  });

  it('give each cluster a root hash and an id of its own, also under one name', () => {
    expect(rootHash(ca.certificate)).toBe(new X509Certificate(ca.certificate).fingerprint256.replaceAll(':', '').toLowerCase());
    expect(rootHash(ca.certificate)).not.toBe(rootHash(otherCa.certificate));
    expect(clusterIdOf(ca.certificate)).toMatch(/^[0-9a-f]{16}$/);
    expect(clusterIdOf(ca.certificate)).not.toBe(clusterIdOf(otherCa.certificate));
    expect(fingerprint(ca.certificate)).toBe(rootHash(ca.certificate));
  });

  it('keep odd characters in names', async () => {
    const { certificate } = await issueClientCertificate(ca, { user: 'ann, "the" = boss+', groups: ['a,b', 'system:masters'] }, now);
    const { subject } = new X509Certificate(certificate).toLegacyObject();
    expect(subject).toMatchObject({ CN: 'ann, "the" = boss+', O: ['a,b', 'system:masters'] });
    const odd = await createClusterCa('my, odd = "cluster"', now);
    const issued = await issueServerCertificate(odd, { names: ['n'], addresses: [] }, now);
    expect(new X509Certificate(issued.certificate).checkIssued(new X509Certificate(odd.certificate))).toBe(true);
  });

  it('refuse what is no PEM, in words', () => {
    expect(() => rootHash('nonsense')).toThrow(/no certificate in PEM/);
  });
});
