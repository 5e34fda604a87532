import '../../../daemon/adapters/x509/reflect.ts';
import { webcrypto } from 'node:crypto';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { createServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ServerCertificate, TlsServer } from '../../../daemon/adapters/https/tls-server.ts';
import type { HttpHandler } from '../../../daemon/ports/http.ts';
import { silentLog } from '../../api/support/world.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const USAGE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };

interface Authority {
  certificate: x509.X509Certificate;
  keys: x509.X509CertificateCreateSelfSignedParams['keys'];
}

x509.cryptoProvider.set(webcrypto as unknown as Crypto);

async function authority(name: string): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys: keys,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return { certificate, keys: keys };
}

async function issue(from: Authority, subject: string, usage: string): Promise<{ key: string; certificate: string }> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: from.certificate.subject,
    publicKey: keys.publicKey as never,
    signingKey: from.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.ExtendedKeyUsageExtension([usage]),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64').replace(/(.{64})/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
  return { key, certificate: certificate.toString('pem') };
}

let ca: Authority;
let stranger: Authority;
let certificate: ServerCertificate;
const servers: TlsServer[] = [];

beforeAll(async () => {
  [ca, stranger] = [await authority('kith'), await authority('stranger')];
  certificate = { ...(await issue(ca, 'CN=node-1', USAGE.server)), clientCa: ca.certificate.toString('pem') };
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function serve(handler: HttpHandler, port = 0): Promise<TlsServer> {
  const server = new TlsServer({ handler, log: silentLog }, { host: '127.0.0.1', port, certificate });
  await server.start();
  servers.push(server);
  return server;
}

interface TlsAnswer {
  text: string;
  subject: string;
  exported: string;
}

function get(server: TlsServer, options: RequestOptions = {}): Promise<TlsAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: '127.0.0.1', port: server.port(), path: '/', ca: ca.certificate.toString('pem'), agent: false, ...options },
      (reply) => {
        const socket = reply.socket as TLSSocket;
        const subject = socket.getPeerCertificate().subject.CN as string;
        const exported = socket.exportKeyingMaterial(32, 'EXPORTER-kith', Buffer.alloc(0)).toString('hex');
        let text = '';
        reply.on('data', (chunk: Buffer) => (text += chunk.toString()));
        reply.on('end', () => resolve({ text, subject, exported }));
      },
    );
    request.on('error', reject);
    request.end();
  });
}

const whoami: HttpHandler = async ({ connection }) => ({ status: 200, headers: {}, body: JSON.stringify(connection.credential) });

describe('TlsServer', () => {
  it('knows clients by a certificate of the cluster CA: the common name and the organisations', async () => {
    const server = await serve(whoami);
    const client = await issue(ca, 'CN=admin,O=system:masters,O=dev', USAGE.client);
    const credential = JSON.parse((await get(server, { key: client.key, cert: client.certificate })).text) as { groups: string[] };
    expect(credential).toMatchObject({
      type: 'certificate',
      user: 'admin',
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect([...credential.groups].sort()).toEqual(['dev', 'system:masters']);
  });

  it('takes no certificate for nobody, and those of another CA or for another use, too', async () => {
    const server = await serve(whoami);
    expect((await get(server)).text).toBe('{"type":"none"}');
    const foreign = await issue(stranger, 'CN=admin,O=system:masters', USAGE.client);
    expect((await get(server, { key: foreign.key, cert: foreign.certificate })).text).toBe('{"type":"none"}');
    const serving = await issue(ca, 'CN=admin,O=system:masters', USAGE.server);
    expect((await get(server, { key: serving.key, cert: serving.certificate })).text).toBe('{"type":"none"}');
  });

  it('gives both ends the same keying material', async () => {
    const server = await serve(async ({ connection }) => ({
      status: 200,
      headers: {},
      body: Buffer.from(connection.exporter?.('EXPORTER-kith', 32) ?? []).toString('hex'),
    }));
    const answer = await get(server);
    expect(answer.text).toMatch(/^[0-9a-f]{64}$/);
    expect(answer.text).toBe(answer.exported);
  });

  it('shows a new certificate to new connections after a reload', async () => {
    const server = await serve(whoami);
    expect((await get(server)).subject).toBe('node-1');
    server.reload({ ...certificate, ...(await issue(ca, 'CN=renewed', USAGE.server)) });
    expect((await get(server)).subject).toBe('renewed');
  });

  it('names the flag when the port is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    await expect(serve(whoami, port)).rejects.toMatchObject({
      code: 'AddressInUse',
      message: `can't listen on 127.0.0.1:${port}: another program listens there; choose another with --api-listen`,
    });
    await new Promise((resolve) => taken.close(resolve));
  });

  it('survives what is not TLS', async () => {
    const server = await serve(whoami);
    const { connect } = await import('node:net');
    const socket = connect(server.port(), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect((await get(server)).text).toBe('{"type":"none"}');
  });
});
