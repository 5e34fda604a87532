import { createServer, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import {
  CoreV1Api,
  Exec,
  KubeConfig,
  Log,
  makeInformer,
  PortForward,
  type Informer,
  type ObjectCache,
  type V1ConfigMap,
  type V1Status,
} from '@kubernetes/client-node';
import { expect, it } from 'vitest';
import { kubectlPeers } from '../support/kubectl-peers.ts';
import { realPeers } from '../support/real-peers.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';

/** The client library of Node, as programs use it: a kubeconfig, and any peer. */
const peers = realPeers(3, 'library');
const real = kubectlPeers(peers);

const SERVER = `require('node:http').createServer((request, reply) => request.pipe(reply)).listen(8080, process.env.POD_IP, () => console.log('listening'))`;
const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'echo', labels: { app: 'echo' } },
  spec: {
    nodeName: 'library-1',
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: 'busybox',
        command: [process.execPath, '-e', SERVER],
        env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
      },
    ],
  },
};

function configOf(index: number): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(real.kubeconfig(index));
  return config;
}

function collected(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough();
  let text = '';
  stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  return { stream, text: () => text };
}

it('runs a command, follows a log and forwards a port of a pod that another peer runs', async () => {
  await peers.apply(0, POD);
  await peers.waitReady(0, 'app=echo', 1);
  const config = configOf(1);

  const [out, err] = [collected(), collected()];
  const input = new PassThrough();
  const ended = Promise.withResolvers<V1Status>();
  await new Exec(config).exec(
    'default',
    'echo',
    'main',
    ['sh', '-c', 'read -r line; echo "out $line"; echo "err $line" >&2; exit 7'],
    out.stream,
    err.stream,
    input,
    false,
    ended.resolve,
  );
  input.write('word\n');
  const status = await ended.promise;
  expect(status).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode' });
  expect(status.details?.causes).toEqual([expect.objectContaining({ reason: 'ExitCode', message: '7' })]);
  await waitFor('all that it said', () => out.text() === 'out word\n' && err.text() === 'err word\n');

  const log = collected();
  const following = await new Log(config).log('default', 'echo', 'main', log.stream, { follow: true });
  await waitFor('the log', () => log.text() === 'listening\n');
  following.abort();

  const forward = new PortForward(config);
  const server = createServer((socket) => void forward.portForward('default', 'echo', [8080], socket, null, socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sent = 'x'.repeat(300_000);
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: sent, headers: { connection: 'close' } });
  expect((await answer.text()) === sent).toBe(true);
  server.close();
}, 90_000);

it('an informer goes on at another peer when the one that it asks dies, and its cache ends equal to the truth', async () => {
  let asked = 1;
  const list = async (): ReturnType<CoreV1Api['listNamespacedConfigMap']> =>
    configOf(asked).makeApiClient(CoreV1Api).listNamespacedConfigMap({ namespace: 'default', labelSelector: 'of=informer' });
  const open = (): Informer<V1ConfigMap> & ObjectCache<V1ConfigMap> =>
    makeInformer(configOf(asked), '/api/v1/namespaces/default/configmaps', list, 'of=informer');
  const put = async (index: number, name: string, value: string): Promise<string> =>
    peers.apply(index, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { of: 'informer' } }, data: { value } });
  const told: string[] = [];
  let informer = open();
  const watch = async (): Promise<void> => {
    for (const verb of ['add', 'update', 'delete'] as const) informer.on(verb, (map) => void told.push(`${verb} ${map.metadata?.name}`));
    await informer.start();
  };
  const cached = (): string[] =>
    informer
      .list()
      .map((map) => `${map.metadata?.name}=${map.data?.['value']}`)
      .sort();

  await put(0, 'first', '1');
  await watch();
  await put(2, 'second', '1');
  await put(0, 'first', '2');
  await waitFor('both are in the cache', () => cached().join() === 'first=2,second=1', { timeoutMs: PATIENCE_MS });
  expect(told).toEqual(['add first', 'add second', 'update first']);

  const failed = Promise.withResolvers<unknown>();
  informer.on('error', failed.resolve);
  await peers.cluster.killDaemon(1);
  await failed.promise;
  await informer.stop();
  await put(0, 'third', '1');
  await peers.kith(2, ['delete', 'configmap', 'second']);
  asked = 2;
  informer = open();
  await watch();
  await waitFor('the cache is the truth', () => cached().join() === 'first=2,third=1', { timeoutMs: PATIENCE_MS });
  await peers.kith(0, ['delete', 'configmap', 'third']);
  await waitFor('what goes is gone there', () => cached().join() === 'first=2', { timeoutMs: PATIENCE_MS });
  await informer.stop();
}, 90_000);
