import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectTo } from '../../daemon/adapters/socket/connect.ts';
import { socketStream } from '../../daemon/adapters/socket/socket-stream.ts';
import { createClusterCa, issueServerCertificate } from '../../daemon/adapters/x509/certificates.ts';
import { type ApiWorld, apiWorld } from './support/world.ts';

const PODS = '/api/v1/namespaces/default/pods';
const SERVICES = '/api/v1/namespaces/default/services';
const POD_PORT = 8080;

/** Tells what it was asked, in a pod's place. */
function answering(message: IncomingMessage, body: string): { status: number; headers: Record<string, string>; text: string } {
  const { method, url = '', headers } = message;
  if (url.startsWith('/away')) return { status: 302, headers: { location: '/here?now=1' }, text: '' };
  if (url.startsWith('/far')) return { status: 302, headers: { location: 'https://example.org/x' }, text: '' };
  if (url === '/missing') return { status: 404, headers: {}, text: 'no such page' };
  return { status: 200, headers: { 'content-type': 'application/json' }, text: JSON.stringify({ method, url, headers, body }) };
}

let world: ApiWorld;
let server: Server;
let asked: { node: string; podUid: string; port: number }[];
let refuses: boolean;

function serve(made: Server): Server {
  made.on('request', (message: IncomingMessage, reply) => {
    let body = '';
    message.setEncoding('utf8').on('data', (text: string) => (body += text));
    message.on('end', () => {
      const { status, headers, text } = answering(message, body);
      reply.writeHead(status, headers).end(message.method === 'HEAD' ? undefined : text);
    });
  });
  made.on('upgrade', (_message, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\nhello ');
    socket.pipe(socket);
  });
  return made.listen(0, '127.0.0.1');
}

async function start(made: Server): Promise<void> {
  server = serve(made);
  await once(server, 'listening');
}

beforeEach(async () => {
  asked = [];
  refuses = false;
  const refuse = async (): Promise<never> => Promise.reject(new Error('not asked for'));
  world = await apiWorld({
    deps: {
      streams: {
        exec: refuse,
        attach: refuse,
        connect: async (node, { podUid, port }, signal) => {
          asked.push({ node, podUid, port });
          if (refuses) throw new Error('nothing takes connections on port 8080 of the pod');
          return socketStream(await connectTo(['127.0.0.1'], (server.address() as AddressInfo).port, signal));
        },
      },
    },
  });
  const meta = (name: string, uid = '') => ({ name, namespace: 'default', uid, creationTimestamp: '' });
  const binding = { node: 'node-1', membersSeen: 1, membersKnown: 1, term: 1, by: 'leader', rank: 0, at: '' } as const;
  const containers = [{ name: 'web', ports: [{ containerPort: POD_PORT }] }];
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: meta('web', 'uid-web'), spec: { containers }, kith: { binding } };
  world.set('pods/default/web', pod, { phase: 'Running', podIP: '10.42.0.9' });
  world.set('services/default/front', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta('front'),
    spec: { ports: [{ name: 'http', port: 80 }] },
  });
  const address = { ip: '10.42.0.9', nodeName: 'node-1', targetRef: { kind: 'Pod', name: 'web', uid: 'uid-web' } };
  world.set('endpoints/default/front', {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: meta('front'),
    subsets: [
      { addresses: [{ ip: '192.0.2.1' }, address], ports: [{ name: 'http', port: POD_PORT }] },
      { addresses: [{ ip: '192.0.2.1' }], ports: [{ name: 'outside', port: 9 }] },
    ],
  });
});
afterEach(async () => {
  await world.stop();
  server.closeAllConnections();
  server.close();
});

describe('a proxied request', () => {
  beforeEach(() => start(createServer()));

  it('comes to the pod as the client made it, and its answer goes back', async () => {
    const answer = await world.call('POST', `${PODS}/web/proxy/a%2Fb/c?x=1&y=two`, { some: 'body' }, { cookie: 'a=1', 'x-own': 'yes' });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ method: 'POST', url: '/a%2Fb/c?x=1&y=two', body: '{"some":"body"}' });
    expect(answer.body['headers']).toMatchObject({ cookie: 'a=1', 'x-own': 'yes', 'x-forwarded-uri': `${PODS}/web/proxy` });
    expect(asked).toEqual([{ node: 'node-1', podUid: 'uid-web', port: POD_PORT }]);
    expect(await world.call('GET', `${PODS}/web:81/proxy/missing`)).toMatchObject({ status: 404, text: 'no such page' });
    expect(asked[1]?.port).toBe(81);
    expect(await world.call('HEAD', `${PODS}/web/proxy/`)).toMatchObject({ status: 200, text: '' });
  });

  it('is of any size up to a bound', async () => {
    const large = 'x'.repeat(2 * 1024 * 1024);
    expect((await world.call('POST', `${PODS}/web/proxy/`, large)).body['body']).toBe(large);
    const tooLarge = await world.call('POST', `${PODS}/web/proxy/`, new Uint8Array(17 * 1024 * 1024));
    expect(tooLarge).toMatchObject({ status: 413 });
  });

  it('does not tell the pod who asks', async () => {
    const headers = { authorization: 'Bearer secret', 'impersonate-user': 'ann', 'impersonate-group': 'system:masters' };
    const { body } = await world.call('GET', `${PODS}/web/proxy/`, undefined, headers);
    for (const name of Object.keys(headers)) expect(body['headers']).not.toHaveProperty(name);
  });

  it('goes to a pod behind a Service, by the name or number of its port', async () => {
    for (const name of ['front:http', 'front:80', 'http:front:80']) {
      expect((await world.call('GET', `${SERVICES}/${name}/proxy/x`)).body).toMatchObject({ url: '/x' });
    }
    expect(asked).toEqual(Array(3).fill({ node: 'node-1', podUid: 'uid-web', port: POD_PORT }));
  });

  it('stays behind the proxy when the pod sends it elsewhere', async () => {
    const bare = await world.call('GET', `${PODS}/web/proxy?x=1`);
    expect([bare.status, bare.headers.location]).toEqual([301, `${PODS}/web/proxy/?x=1`]);
    expect((await world.call('GET', `${PODS}/web/proxy/away`)).headers.location).toBe(`${PODS}/web/proxy/here?now=1`);
    expect((await world.call('GET', `${PODS}/web/proxy/far`)).headers.location).toBe('https://example.org/x');
  });

  it('is refused in words that say why', async () => {
    const refused = async (url: string): Promise<unknown[]> => {
      const { status, body } = await world.call('GET', url);
      return [status, body.message];
    };
    expect(await refused(`${PODS}/ftp:web:21/proxy/`)).toEqual([400, 'invalid pod request "ftp:web:21"']);
    expect(await refused(`${PODS}/gone/proxy/`)).toEqual([404, 'pods "gone" not found']);
    expect(await refused(`${SERVICES}/front:81/proxy/`)).toEqual([503, 'no service port 81 found for service "front"']);
    // Its port has a name; and an address that is no pod's is not for people who may only use the proxy.
    for (const port of ['', ':outside']) {
      expect(await refused(`${SERVICES}/front${port}/proxy/`)).toEqual([503, 'no endpoints available for service "front"']);
    }
    expect(await refused('/api/v1/nodes/node-1/proxy/')).toEqual([404, 'the server could not find the requested resource']);
    refuses = true;
    const [status, message] = await refused(`${PODS}/web/proxy/`);
    expect([status, message]).toEqual([503, 'error trying to reach service: nothing takes connections on port 8080 of the pod']);
  });

  it('takes the right to create, too, as what it reaches may do anything', async () => {
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'see', uid: '', creationTimestamp: '' } };
    const rule = (verbs: string[]) => ({ ...role, kind: 'ClusterRole', rules: [{ apiGroups: [''], resources: ['pods/proxy'], verbs }] });
    const at = 'clusterroles.rbac.authorization.k8s.io//see';
    world.set(at, rule(['get']));
    world.set('clusterrolebindings.rbac.authorization.k8s.io//see', {
      ...role,
      kind: 'ClusterRoleBinding',
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'see' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'guest' }],
    });
    const asGuest = async (): Promise<number> =>
      (await world.call('GET', `${PODS}/web/proxy/`, undefined, { 'impersonate-user': 'guest' })).status;
    expect(await asGuest()).toBe(403);
    world.set(at, rule(['get', 'create']));
    expect(await asGuest()).toBe(200);
  });

  it('becomes what both ends agree on, when they do', async () => {
    const socket = connect(world.path);
    socket.write(`GET ${PODS}/web/proxy/live HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n`);
    let heard = '';
    socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
    const until = async (end: string): Promise<void> => {
      while (!heard.endsWith(end)) await once(socket, 'data');
    };
    await until('\r\n\r\nhello ');
    expect(heard).toMatch(/^HTTP\/1\.1 101 [^]*upgrade: echo/i);
    socket.write('world');
    await until('hello world');
    socket.end();
    await once(socket, 'close');
  });
});

it('reaches a pod that speaks TLS, whoever signed its certificate', async () => {
  const ca = await createClusterCa('kith', Date.now());
  const { key, certificate } = await issueServerCertificate(ca, { names: ['somebody'], addresses: [] }, Date.now());
  await start(createTlsServer({ key, cert: certificate }));
  expect((await world.call('GET', `${PODS}/https:web:443/proxy/secure`)).body).toMatchObject({ url: '/secure' });
  const plain = await world.call('GET', `${PODS}/web/proxy/`);
  expect([plain.status, plain.body.message]).toMatchObject([503, expect.stringMatching(/^error trying to reach service: /)]);
});
