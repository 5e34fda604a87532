import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { KubeObject } from '../../protocol/objects.ts';
import { type Clients, fetchClients } from '../support/kubectl.ts';
import { kubectlPeers, withClients } from '../support/kubectl-peers.ts';
import { realPeers } from '../support/real-peers.ts';
import { waitFor } from '../support/wait.ts';

/** A chart with what small charts have, as helm 3 and helm 4 install, change and remove it: each command asks another peer. */
const peers = realPeers(3, 'helm');
const real = kubectlPeers(peers);
const both = await Promise.all((['1.31', '1.35'] as const).map(async (version) => fetchClients(version)));

const CHARTS = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', 'charts');
const CHART = path.join(CHARTS, 'hello');
const HOOKS = path.join(CHARTS, 'hooks');
const WAIT = ['--wait', '--timeout', '30s'];

for (const each of both) {
  withClients(each, `helm beside kubectl ${each.version}`, (clients) => {
    it('installs, upgrades, rolls back and uninstalls a chart', async () => walk(clients), 60_000);
    it('runs a chart’s jobs and its test, at every peer', async () => walkHooks(clients), 60_000);
  });
}

async function walk(clients: Clients): Promise<void> {
  const namespace = `helm-${clients.version.replace('.', '-')}`;
  const helm = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await real.helm(clients, [...words, '-n', namespace]);
    expect({ words, code, err: code === 0 ? '' : err + out }).toEqual({ words, code: 0, err: '' });
    return out;
  };
  const objects = async (resource: string, group = 'api/v1'): Promise<KubeObject[]> =>
    peers.list(1, `/${group}/namespaces/${namespace}/${resource}`);
  const deployment = async (): Promise<{ replicas?: number; template?: { spec: { containers: { image: string }[] } } }> =>
    (await objects('deployments', 'apis/apps/v1'))[0]?.spec ?? {};
  /** All peers know of the release in this revision: the next command asks another one. */
  const known = async (revision: number): Promise<void> => {
    const name = `sh.helm.release.v1.hello.v${revision}`;
    for (const { index } of peers.cluster.peers) {
      await waitFor(`${name} at peer ${index}`, async () => {
        const secrets = await peers.list(index, `/api/v1/namespaces/${namespace}/secrets`, { labelSelector: 'name=hello,status=deployed' });
        return secrets.some(({ metadata }) => metadata.name === name);
      });
    }
  };

  expect(await helm('install', 'hello', CHART, '--create-namespace', ...WAIT)).toContain('STATUS: deployed');
  await known(1);
  expect((await objects('pods')).length).toBe(2);
  expect(await objects('secrets')).toContainEqual(
    expect.objectContaining({
      metadata: expect.objectContaining({ name: 'hello-password' }) as unknown,
      data: { password: Buffer.from('not a real one').toString('base64') },
    }),
  );
  expect(await helm('list')).toMatch(/hello\s+\S+\s+1\s+.*deployed\s+hello-0\.1\.0/);
  expect(await helm('status', 'hello')).toContain('REVISION: 1');

  await helm('upgrade', 'hello', CHART, '--set', 'replicas=3,image=kith.dev/hello:2,greeting=hi', ...WAIT);
  await known(2);
  expect(await deployment()).toMatchObject({ replicas: 3, template: { spec: { containers: [{ image: 'kith.dev/hello:2' }] } } });
  expect((await objects('configmaps')).find(({ metadata }) => metadata.name === 'hello-settings')).toMatchObject({
    data: { greeting: 'hi' },
  });

  await helm('rollback', 'hello', '1', ...WAIT);
  await known(3);
  expect(await deployment()).toMatchObject({ replicas: 2, template: { spec: { containers: [{ image: 'kith.dev/hello:1' }] } } });
  const history = await helm('history', 'hello');
  expect(history.match(/superseded|deployed/g)).toEqual(['superseded', 'superseded', 'deployed']);
  expect(history).toContain('Rollback to 1');

  expect(await helm('uninstall', 'hello', '--wait')).toContain('release "hello" uninstalled');
  for (const [resource, group] of [['deployments', 'apis/apps/v1'], ['services'], ['configmaps']] as const) {
    await waitFor(`no ${resource} are left`, async () =>
      (await objects(resource, group)).every(({ metadata }) => !metadata.name.startsWith('hello')),
    );
  }
  expect((await objects('secrets')).map(({ metadata }) => metadata.name)).toEqual([]);
}

/** What happens around releases: jobs before and after, jobs that are waited for, a test, and a release that fails. */
async function walkHooks(clients: Clients): Promise<void> {
  const namespace = `hooks-${clients.version.replace('.', '-')}`;
  const helm = async (...words: string[]) => real.helm(clients, [...words, '-n', namespace], { timeoutMs: 60_000 });
  const does = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await helm(...words);
    expect({ words, code, err: code === 0 ? '' : err + out }).toEqual({ words, code: 0, err: '' });
    return out;
  };
  const jobs = async (): Promise<string[]> =>
    (await peers.list(0, `/apis/batch/v1/namespaces/${namespace}/jobs`)).map(({ metadata, status }) => {
      const { succeeded = 0, failed = 0 } = (status ?? {}) as { succeeded?: number; failed?: number };
      return `${metadata.name} ${succeeded}/${failed}`;
    });
  const holds = async (expected: string[]): Promise<void> => {
    let last: string[] = [];
    await waitFor('the jobs', async () => JSON.stringify((last = await jobs())) === JSON.stringify(expected)).catch(() =>
      expect(last).toEqual(expected),
    );
  };
  const waits = ['--wait', '--wait-for-jobs', '--timeout', '40s', '--set', `node=${process.execPath}`];

  await does('install', 'shop', HOOKS, '--create-namespace', ...waits);
  await holds(['shop-migrate-1 1/0', 'shop-post-install 1/0']);
  expect(await does('test', 'shop', '--logs')).toMatch(/Phase: +Succeeded[^]*hello 1 from shop-/);
  await does('upgrade', 'shop', HOOKS, ...waits);
  await holds(['shop-migrate-2 1/0', 'shop-post-install 1/0', 'shop-post-upgrade 1/0']);
  const { code, err } = await helm('upgrade', 'shop', HOOKS, ...waits, '--set', 'upgradeCode=3');
  expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/pre-upgrade hooks? failed/) as unknown });
  await holds(['shop-migrate-2 1/0', 'shop-post-install 1/0', 'shop-post-upgrade 1/0', 'shop-pre-upgrade 0/1']);
  expect((await does('history', 'shop')).match(/superseded|deployed|failed/g)?.slice(0, 3)).toEqual(['superseded', 'deployed', 'failed']);
  await does('rollback', 'shop', '1', ...waits.slice(0, 4));
  expect(await does('status', 'shop')).toMatch(/STATUS: deployed[^]*REVISION: 4/);
  await does('uninstall', 'shop', '--wait');
  expect((await jobs()).filter((name) => name.startsWith('shop-post-delete'))).toEqual(['shop-post-delete 1/0']);
}
