import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fetchClients, KUBECTL_VERSIONS, type Clients } from '../support/kubectl.ts';
import { kubectlPeers, withClients } from '../support/kubectl-peers.ts';
import { apiProxy, portForward } from '../support/port-forward.ts';
import { realPeers, removeQuietly } from '../support/real-peers.ts';

/** Serves N zeros at /N, and says the SHA-1 of what is posted to it. */
const SERVER = `
const { createHash } = require('node:crypto');
require('node:http').createServer(async (request, reply) => {
  if (request.method === 'GET') return reply.end(Buffer.alloc(Number(request.url.slice(1))));
  const hash = createHash('sha1');
  for await (const chunk of request) hash.update(chunk);
  reply.end(hash.digest('hex'));
}).listen(8080, process.env.POD_IP, () => console.log('ready'));
`;
const MIB = 1024 * 1024;
const peers = realPeers(3, 'stream');
const real = kubectlPeers(peers);
const folder = mkdtempSync(path.join(tmpdir(), 'kith-streams-'));
const all = await Promise.all(KUBECTL_VERSIONS.map(async (version) => fetchClients(version)));

/** On the first node; what is asked for it is asked of the second peer, if nothing else is said. */
function pod(name: string, command: string[], more: object = {}): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      nodeName: 'stream-1',
      terminationGracePeriodSeconds: 1,
      volumes: [{ name: 'data', emptyDir: {} }],
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command,
          env: [{ name: 'GREETING', value: 'hello' }],
          workingDir: folder,
          volumeMounts: [{ name: 'data', mountPath: '/srv/data' }],
          ...more,
        },
      ],
    },
  };
}

beforeAll(async () => {
  await peers.apply(0, pod('shell', ['sh', '-c', 'while :; do sleep 1; done']));
  await peers.apply(0, pod('server', [process.execPath, '-e', SERVER], { ports: [{ containerPort: 8080 }] }));
  await peers.apply(0, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'server' },
    spec: { selector: { app: 'server' }, ports: [{ name: 'web', port: 80, targetPort: 8080 }] },
  });
  await Promise.all(['shell', 'server'].map(async (name) => peers.waitReady(0, `app=${name}`, 1)));
});
afterAll(async () => removeQuietly(folder));

for (const each of all) withClients(each, `kubectl ${each.version}`, tests);

function tests(clients: Clients): void {
  const kubectl = async (words: string[], options: { stdin?: string; peer?: number } = {}) =>
    real.kubectl(clients, words, { peer: 1, ...options });

  it.each([0, 1])('runs a command in a pod on the first node, asked of peer %i, and gives back its exit code', async (peer) => {
    expect(await kubectl(['exec', 'shell', '--', 'sh', '-c', 'echo $GREETING $PWD; echo oops >&2; exit 3'], { peer })).toEqual({
      code: 3,
      out: `hello ${folder}\n`,
      err: 'oops\ncommand terminated with exit code 3\n',
    });
  });

  it('passes on standard input and its end, and output that is large', async () => {
    const text = `${'x'.repeat(99)}\n`.repeat(50_000);
    expect(await kubectl(['exec', '-i', 'shell', '--', 'sha1sum'], { stdin: text })).toEqual({
      code: 0,
      out: `${createHash('sha1').update(text).digest('hex')}  -\n`,
      err: '',
    });
    const { code, out } = await kubectl(['exec', 'shell', '--', 'head', '-c', String(8 * MIB), '/dev/zero']);
    expect([code, out.length]).toEqual([0, 8 * MIB]);
  });

  it('says what is wrong with the container or the command', async () => {
    expect(await kubectl(['exec', 'shell', '-c', 'nobody', '--', 'true'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('container nobody is not valid for pod shell') as string,
    });
    const missing = await kubectl(['exec', 'shell', '--', 'no-such-program']);
    expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('executable file not found in $PATH') as string });
    expect((await kubectl(['exec', 'absent', '--', 'true'])).err).toContain('pods "absent" not found');
  });

  it('copies files to the pod and back', async () => {
    const bytes = randomBytes(3 * MIB);
    const [there, here, back] = ['there', 'here', 'back'].map((name) => path.join(folder, `${name}-${clients.version}`)) as [
      string,
      string,
      string,
    ];
    await writeFile(here, bytes);
    expect(await kubectl(['cp', here, `shell:${there}`])).toMatchObject({ code: 0 });
    expect((await readFile(there)).equals(bytes)).toBe(true);
    expect(await kubectl(['cp', `shell:${there}`, back])).toMatchObject({ code: 0 });
    expect((await readFile(back)).equals(bytes)).toBe(true);
  });

  it('copies files and folders to a volume and back, though nothing is mounted', async () => {
    const [here, back] = ['volume', 'volume-back'].map((name) => path.join(folder, `${name}-${clients.version}`)) as [string, string];
    await mkdir(path.join(here, 'inner'), { recursive: true });
    await writeFile(path.join(here, 'inner', 'text'), clients.version);
    expect(await kubectl(['cp', here, 'shell:/srv/data/'])).toMatchObject({ code: 0 });
    const there = `/srv/data/${path.basename(here)}`;
    expect(await kubectl(['exec', 'shell', '--', 'cat', `${there}/inner/text`])).toMatchObject({ out: clients.version });
    expect(await kubectl(['cp', `shell:${there}/inner/text`, `${back}-text`])).toMatchObject({ code: 0 });
    expect(await readFile(`${back}-text`, 'utf8')).toBe(clients.version);
    expect(await kubectl(['cp', 'shell:/srv/data', back])).toMatchObject({ code: 0 });
    expect(await readFile(path.join(back, path.basename(here), 'inner', 'text'), 'utf8')).toBe(clients.version);
  });

  it('forwards a port: large bodies, many connections at once, and tells of a port where nothing listens', async () => {
    const forward = await portForward(clients, real, ['pod/server', ':8080'], 1);
    try {
      const bodies = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => (await fetch(`${forward.url}/${(index + 1) * MIB}`)).arrayBuffer()),
      );
      expect(bodies.map(({ byteLength }) => byteLength / MIB)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      const upload = randomBytes(20 * MIB);
      const answer = await fetch(forward.url, { method: 'POST', body: upload });
      expect(await answer.text()).toBe(createHash('sha1').update(upload).digest('hex'));
    } finally {
      await forward.stop();
    }
    const wrong = await portForward(clients, real, ['pod/server', ':9'], 1);
    try {
      await expect(fetch(wrong.url)).rejects.toThrow();
      await expect.poll(() => wrong.errors()).toContain('nothing takes connections on port 9 of the pod');
    } finally {
      await wrong.stop();
    }
  });
  it('asks a pod, and one behind a Service, through kubectl proxy and get --raw', async () => {
    const paths = ['pods/server', 'pods/http:server:8080', 'services/server:web'].map((what) => `/api/v1/namespaces/default/${what}/proxy`);
    const proxy = await apiProxy(clients, real, 1);
    try {
      for (const path of paths) {
        const zeros = await fetch(`${proxy.url}${path}/${3 * MIB}`);
        expect([zeros.status, (await zeros.arrayBuffer()).byteLength]).toEqual([200, 3 * MIB]);
      }
      const upload = randomBytes(2 * MIB);
      const answer = await fetch(`${proxy.url}${paths[0]}/`, { method: 'POST', body: upload });
      expect(await answer.text()).toBe(createHash('sha1').update(upload).digest('hex'));
    } finally {
      await proxy.stop();
    }
    expect(await kubectl(['get', '--raw', `${paths[2]}/5`])).toEqual({ code: 0, out: '\0'.repeat(5), err: '' });
    const wrong = await kubectl(['get', '--raw', '/api/v1/namespaces/default/pods/server:9/proxy/']);
    expect(wrong).toMatchObject({
      code: 1,
      err: expect.stringContaining('error trying to reach service: nothing takes connections') as string,
    });
  });
}
