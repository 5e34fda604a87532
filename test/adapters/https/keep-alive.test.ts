import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { createClusterCa, issueServerCertificate } from '../../../daemon/adapters/x509/certificates.ts';
import { TlsServer } from '../../../daemon/adapters/https/tls-server.ts';
import type { HttpHandler } from '../../../daemon/ports/http.ts';
import { silentLog } from '../../api/support/world.ts';

const ROUNDS = 100;
const MIB = 1024 * 1024;

/** Another process, as only that one answers between two turns of our loop: reads much, and sends much on the same connection at once. */
const CLIENT = `
const https = require('node:https');
const [port, rounds] = process.argv.slice(1).map(Number);
const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
const body = Buffer.alloc(${2 * MIB});
const call = (method, bytes) => new Promise((resolve, reject) => {
  const sent = https.request({ host: '127.0.0.1', port, path: '/', method, agent, headers: { 'content-length': bytes.length } }, (answer) => {
    let length = 0;
    answer.on('data', (chunk) => { length += chunk.length; if (length === Number(answer.headers['content-length'])) resolve(length); });
    answer.on('error', reject);
  });
  sent.on('error', reject);
  sent.end(bytes);
});
(async () => {
  for (let round = 0; round < rounds; round += 1) {
    await call('GET', Buffer.alloc(0));
    await call('POST', body);
  }
})().then(() => process.exit(0), (error) => { console.error(error.message); process.exit(1); });
`;

let server: TlsServer | undefined;
afterEach(() => server?.stop());

it.each([
  ['a text', () => 'x'.repeat(MIB)],
  ['a stream', () => pieces()],
])(
  'keeps a connection on which a client sends much as soon as it has read %s',
  async (_, body) => {
    const ca = await createClusterCa('kith', Date.now());
    const { key, certificate } = await issueServerCertificate(ca, { names: ['x'], addresses: ['127.0.0.1'] }, Date.now());
    const handler: HttpHandler = async (request) => {
      const taken = await request.body(3 * MIB);
      const headers: Record<string, string> = request.method === 'GET' ? { 'content-length': String(MIB) } : {};
      return { status: 200, headers, body: request.method === 'GET' ? body() : String(taken.byteLength) };
    };
    server = new TlsServer(
      { handler, log: silentLog },
      { host: '127.0.0.1', port: 0, certificate: { key, certificate, clientCa: certificate } },
    );
    await server.start();
    const client = spawn(process.execPath, ['-e', CLIENT, String(server.port()), String(ROUNDS)], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    client.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [code] = (await once(client, 'close')) as [number];
    expect([code, said]).toEqual([0, '']);
  },
  60_000,
);

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < MIB; sent += MIB / 16) yield Buffer.alloc(MIB / 16);
}
