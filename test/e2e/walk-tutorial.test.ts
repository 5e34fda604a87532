import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Pod } from '../../protocol/types.ts';
import { realPeers } from '../support/real-peers.ts';
import { isReady } from '../support/workloads.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'tutorial');
const file = (name: string): string => path.join(folder, name);
/** nginx binds 80 where that is allowed and free, else 8080, as the README of the image folders tells. */
const PORTS = [80, 8080];

// One peer: a cluster of one is a cluster, and says nothing of others that do not answer.
const peers = realPeers(1, 'minion');

it('creates the first pod, shows, describes and deletes it', async () => {
  expect(await peers.kith(0, ['create', '-f', file('nginx.yaml')])).toBe('pod/nginx created\n');
  const again = await peers.command(0, ['create', '-f', file('nginx.yaml')]);
  expect(again.code).toBe(1);
  expect(again.err).toContain(
    `Error from server (AlreadyExists): error when handling "${file('nginx.yaml')}:1": pods "nginx" already exists`,
  );
  await running('nginx', 1);
  expect(await peers.kith(0, ['get', 'pods'])).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\nnginx +1\/1 +Running +0 +\d+s\n$/);
  const described = await peers.kith(0, ['describe', 'pod', 'nginx']);
  expect(described).toMatch(/^Name: +nginx\n/);
  expect(described).toMatch(/Labels: +<none>/);
  expect(described).toMatch(/Image: +nginx:1\.7\.9/);
  expect(await peers.kith(0, ['delete', 'pod', 'nginx'])).toBe('pod "nginx" deleted\n');
  expect(await peers.command(0, ['get', 'pods'])).toMatchObject({ code: 0, out: '', err: 'No resources found in default namespace.\n' });
});

it('finds two pods by their labels', async () => {
  await peers.kith(0, ['create', '-f', file('nginx-pod-label.yaml')]);
  await peers.kith(0, ['create', '-f', file('nginx2-pod-label.yaml')]);
  await running('nginx', 1);
  await running('nginx2', 1);
  expect(await peers.kith(0, ['get', 'pods', '-l', 'app=nginx2', '--no-headers'])).toMatch(/^nginx2 +1\/1 +Running +0 +\d+s\n$/);
  expect(await peers.kith(0, ['describe', 'pods', '-l', 'app=nginx2'])).toMatch(/Labels: +app=nginx2/);
});

it('takes deployments of the version of those days with a warning, and updates one from nginx 1.7.9 to 1.8', async () => {
  for (const name of ['prod', 'dev']) {
    const created = await peers.command(0, ['create', '-f', file(`nginx-deployment-${name}.yaml`)]);
    expect(created).toMatchObject({ code: 0, out: `deployment.apps/nginx-deployment-${name} created\n` });
    expect(created.err).toMatch(/^Warning: extensions\/v1beta1 Deployment is deprecated.*apps\/v1/);
  }
  await running('nginx-deployment-prod', 1);
  const [old] = await running('nginx-deployment-dev', 1);
  expect(await serverOf(old)).toBe('nginx/1.7.9');
  expect(await peers.kith(0, ['get', 'deployments'])).toMatch(/nginx-deployment-prod +1\/1 +1 +1 +\d+s/);

  const applied = await peers.command(0, ['apply', '-f', file('nginx-deployment-dev-update.yaml')]);
  expect(applied).toMatchObject({ code: 0, out: 'deployment.apps/nginx-deployment-dev configured\n' });
  const updated = await waitFor(
    'the pod of the new version alone',
    async () => {
      const pods = await peers.pods(0, 'app=nginx-deployment-dev');
      return pods.length === 1 && pods.every((pod) => isReady(pod) && pod.metadata.name !== old?.metadata.name) ? pods[0] : undefined;
    },
    { timeoutMs: PATIENCE_MS },
  );
  expect(await serverOf(updated)).toBe('nginx/1.8.1');
  const described = await peers.kith(0, ['describe', 'deployments', 'nginx-deployment-dev']);
  expect(described).toMatch(/Selector: +app=nginx-deployment-dev/);
  expect(described).toMatch(/Replicas: +1 desired \| 1 updated \| 1 total \| 1 available \| 0 unavailable/);
  expect(described).toMatch(/RollingUpdateStrategy: +1 max unavailable, 1 max surge/);
  expect(described).toMatch(/OldReplicaSets: +<none>\nNewReplicaSet: +nginx-deployment-dev-\w+ \(1\/1 replicas created\)/);
  expect(described.match(/ScalingReplicaSet/g)?.length).toBeGreaterThanOrEqual(2);
});

it('keeps three pods of a replication controller until it is deleted', async () => {
  await peers.kith(0, ['delete', 'pods', 'nginx', 'nginx2']);
  expect(await peers.kith(0, ['create', '-f', file('nginx-multi-label.yaml')])).toBe('replicationcontroller/nginx-www created\n');
  const [victim] = await running('nginx', 3);
  await waitFor('the counts', async () =>
    /^nginx-www +3 +3 +3 +\d+s\n$/.test(await peers.kith(0, ['get', 'replicationcontrollers', '--no-headers'])),
  );
  await peers.kith(0, ['delete', 'pod', victim?.metadata.name ?? '']);
  const pods = await running('nginx', 3);
  for (const pod of pods) expect(pod.metadata.name).toMatch(/^nginx-www-\w{5}$/);
  const described = await peers.kith(0, ['describe', 'replicationcontroller']);
  expect(described).toMatch(/Replicas: +3 current \/ 3 desired/);
  expect(described).toMatch(/SuccessfulCreate .*Created pod: nginx-www-/);
  expect(await peers.kith(0, ['delete', 'replicationcontroller', 'nginx-www'])).toBe('replicationcontroller "nginx-www" deleted\n');
  await waitFor('its pods are gone', async () => (await peers.pods(0, 'app=nginx')).length === 0, { timeoutMs: PATIENCE_MS });
});

it('deletes what a manifest made, by the manifest', async () => {
  const words = ['-f', file('nginx-deployment-prod.yaml'), '-f', file('nginx-deployment-dev.yaml')];
  expect(await peers.kith(0, ['delete', ...words])).toBe(
    'deployment.apps "nginx-deployment-prod" deleted\ndeployment.apps "nginx-deployment-dev" deleted\n',
  );
  await waitFor('no pods', async () => (await peers.pods(0)).length === 0, { timeoutMs: PATIENCE_MS });
  await peers.waitNothingTwice(0);
  // The API's own Service is always there.
  expect(await peers.kith(0, ['get', 'all'])).toMatch(/^NAME .*\nservice\/kubernetes .*\n$/);
});

async function running(app: string, count: number): Promise<Pod[]> {
  if (app === 'nginx' && count === 1) {
    return waitFor(
      'the pod nginx',
      async () => {
        const pods = (await peers.pods(0)).filter(({ metadata }) => metadata.name === 'nginx');
        return pods.length === 1 && pods.every(isReady) ? pods : undefined;
      },
      { timeoutMs: PATIENCE_MS },
    );
  }
  return peers.waitReady(0, `app=${app}`, count);
}

/** What the pod's web server says it is. */
async function serverOf(pod: Pod | undefined): Promise<string> {
  const server = await waitFor('the web server', async () => {
    for (const port of PORTS) {
      const answer = await fetch(`http://${pod?.status?.podIP ?? ''}:${port}/`).catch(() => undefined);
      if (answer?.headers.get('server')?.startsWith('nginx/')) return answer.headers.get('server');
    }
    return undefined;
  });
  return server;
}
