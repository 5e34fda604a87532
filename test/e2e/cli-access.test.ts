import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadCluster } from '../../daemon/adapters/identity/cluster.ts';
import { createClusterCa, issueClientCertificate } from '../../daemon/adapters/x509/certificates.ts';
import { realPeers, removeQuietly } from '../support/real-peers.ts';
import { runCommand, type CommandResult } from '../support/run-command.ts';
import { counters } from '../support/workloads.ts';

const NOT_LOGGED_IN = /^Error from server \(Unauthorized\): you must be logged in: .*take a new kubeconfig/;
const folder = mkdtempSync(path.join(tmpdir(), 'kith-access-'));
const kubeconfig = path.join(folder, 'kubeconfig');
const peers = realPeers(1, 'access');
const PATHS = [
  '/api/v1/pods',
  '/version',
  '/readyz',
  '/metrics',
  '/kith.dev/v1/peers',
  '/kith.dev/v1/kubeconfig',
  '/openapi/v2',
  '/nothing',
];

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data'?: string; 'client-key-data'?: string } }[];
}

function read(): Kubeconfig {
  return parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
}

beforeAll(async () => {
  const chunks: Buffer[] = [];
  const request = { path: '/kith.dev/v1/kubeconfig', signal: AbortSignal.timeout(10_000) };
  for await (const chunk of peers.cluster.peer(0).client.stream(request)) chunks.push(chunk);
  writeFileSync(kubeconfig, Buffer.concat(chunks), { mode: 0o600 });
});
afterAll(async () => removeQuietly(folder));

it('works over TLS with the kubeconfig that the daemon gives to root', async () => {
  const environment = { KUBECONFIG: kubeconfig };
  expect(await runCommand(['get', 'nodes', '-o', 'name'], { environment })).toEqual({ code: 0, out: 'node/access-1\n', err: '' });
  const [own] = read().clusters;
  expect(own?.cluster.server).toBe(`https://127.0.0.1:${peers.cluster.peer(0).apiPort}`);
  const stdin = JSON.stringify(counters('remote', 0));
  expect(await runCommand(['--kubeconfig', kubeconfig, 'apply', '-f', '-'], { stdin })).toMatchObject({ code: 0, err: '' });
  expect((await runCommand(['--kubeconfig', kubeconfig, 'delete', 'rc', 'remote'])).code).toBe(0);
  expect(await runCommand(['--kubeconfig', kubeconfig, '--context', 'other', 'get', 'nodes'])).toMatchObject({
    code: 2,
    err: `error: ${kubeconfig}: no entry named "other" in contexts\n`,
  });
});

it('works over TLS with a bearer token, and not with one that was changed', async () => {
  const { code, out } = await runCommand(['--socket', peers.cluster.peer(0).socket, 'kubeconfig', '--with-token']);
  expect(code).toBe(0);
  const file = path.join(folder, 'by-token');
  writeFileSync(file, out, { mode: 0o600 });
  expect(await runCommand(['--kubeconfig', file, 'get', 'nodes', '-o', 'name'])).toEqual({ code: 0, out: 'node/access-1\n', err: '' });
  writeFileSync(file, out.replace('kithapi1.ey', 'kithapi1.eY'), { mode: 0o600 });
  expect((await runCommand(['--kubeconfig', file, 'get', 'nodes'])).err).toMatch(NOT_LOGGED_IN);
});

it('refuses who shows no credential, on every path', async () => {
  for (const path of PATHS) expect({ path, status: await statusOf(path, {}) }).toEqual({ path, status: 401 });
  const config = read();
  for (const entry of config.users) entry.user = {};
  const file = path.join(folder, 'nobody');
  writeFileSync(file, stringify(config));
  const refused = await runCommand(['--kubeconfig', file, 'get', 'pods']);
  expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringMatching(NOT_LOGGED_IN) as string });
  const withToken = await runCommand(['--kubeconfig', file, '--token', 'guessed', 'get', 'pods']);
  expect(withToken).toMatchObject({ code: 1, out: '', err: expect.stringMatching(NOT_LOGGED_IN) as string });
});

it('refuses a certificate that another authority of the same name signed', async () => {
  const now = Date.now();
  const other = await createClusterCa('kith', now);
  const client = await issueClientCertificate(other, { user: 'admin', groups: ['system:masters'] }, now);
  for (const path of PATHS) {
    expect({ path, status: await statusOf(path, { cert: client.certificate, key: client.key }) }).toEqual({ path, status: 401 });
  }
});

it('refuses what the key of the cluster signed, but nobody gave out or somebody took back', async () => {
  const { socket, dataDir } = peers.cluster.peer(0);
  const keys = await loadCluster(dataDir);
  const ca = { certificate: keys?.caCertificate ?? '', key: keys?.caKey ?? '' };
  const forged = await issueClientCertificate(ca, { user: 'admin', groups: ['system:masters'] }, Date.now());
  expect(await statusOf('/api/v1/pods', { cert: forged.certificate, key: forged.key })).toBe(401);
  for (const flags of [[], ['--with-token']]) {
    const file = path.join(folder, 'taken-back');
    writeFileSync(file, (await runCommand(['--socket', socket, 'kubeconfig', '--user', 'eve', ...flags])).out, { mode: 0o600 });
    const list = async (): Promise<CommandResult> => runCommand(['--kubeconfig', file, 'get', 'credentials', '--no-headers']);
    const row = (await list()).out.split('\n').find((line) => line.includes(' eve '));
    expect(row).toMatch(flags.length === 0 ? /^[0-9a-f]{64} +certificate +eve +in 364d/ : /^[0-9a-f]{32} +token +eve +in 23h/);
    expect((await runCommand(['--socket', socket, 'delete', 'credential', row?.split(' ')[0] ?? ''])).code).toBe(0);
    expect((await list()).err).toMatch(NOT_LOGGED_IN);
  }
});

it('does not talk to a server that another authority vouches for', async () => {
  const config = read();
  const other = await createClusterCa('kith', Date.now());
  for (const { cluster } of config.clusters) cluster['certificate-authority-data'] = Buffer.from(other.certificate).toString('base64');
  const file = path.join(folder, 'stranger');
  writeFileSync(file, stringify(config));
  const { code, out, err } = await runCommand(['--kubeconfig', file, 'get', 'pods']);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/^error: cannot talk to https:\/\/127\.0\.0\.1:\d+: .*certificate/);
});

/** With the cluster's CA and the given client certificate, if any. */
async function statusOf(apiPath: string, credential: { cert?: string; key?: string }): Promise<number> {
  const ca = Buffer.from(read().clusters[0]?.cluster['certificate-authority-data'] ?? '', 'base64').toString();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const request = https.get(
    { host: '127.0.0.1', port: peers.cluster.peer(0).apiPort, path: apiPath, ca, ...credential, agent: false },
    (response) => {
      text(response).then(() => resolve(response.statusCode ?? 0), reject);
    },
  );
  request.once('error', reject);
  return promise;
}
