import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Service } from '../../protocol/types.ts';
import { DIST, realPeers } from '../support/real-peers.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';

const peers = realPeers(2, 'example');
const examples = path.join(DIST, '..', 'examples');

/** Each as its README tells it; asked of one peer, looked at through the other. */
describe('examples', () => {
  const apply = async (name: string): Promise<string> => peers.kith(0, ['apply', '-f', path.join(examples, name, `${name}.yaml`)]);
  const shows = async (words: string[], expected: RegExp): Promise<void> => {
    let last = '';
    await waitFor(words.join(' '), async () => expected.test((last = (await peers.command(1, words)).out)), {
      timeoutMs: PATIENCE_MS,
      everyMs: 200,
    }).catch(() => expect(last).toMatch(expected));
  };

  it('job: each piece is done once', async () => {
    await apply('job');
    await shows(['get', 'job', 'pieces'], /pieces +Complete +6\/6/);
    expect(await peers.kith(1, ['describe', 'job', 'pieces'])).toMatch(/^Completed Indexes: +0-5$/m);
    const said = await peers.kith(1, ['logs', '-l', 'job-name=pieces', '--prefix']);
    expect([...said.matchAll(/piece (\d) of 6/g)].map(([, index]) => index).sort()).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('daemon: one on every node', async () => {
    await apply('daemon');
    const pods = await peers.waitReady(1, 'app=watcher', 2);
    expect(new Set(pods.map(({ spec }) => spec.nodeName)).size).toBe(2);
    await shows(['get', 'daemonset', 'watcher'], /watcher +2 +2 +2 +2 +2/);
    await shows(['logs', '-l', 'app=watcher', '--prefix', '--tail=1'], /example-1: \d[^]*example-2: \d|example-2: \d[^]*example-1: \d/);
  });

  it('rolling-update: forth, and back', async () => {
    await apply('rolling-update');
    expect(await peers.kith(1, ['rollout', 'status', 'deployment/shop'])).toMatch(/successfully rolled out\n$/);
    const patch = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'kith.dev/hello:2' }];
    const request = { method: 'PATCH' as const, contentType: 'application/json-patch+json', body: patch };
    await peers.cluster.peer(1).client.call({ path: '/apis/apps/v1/namespaces/default/deployments/shop', ...request });
    expect(await peers.kith(0, ['rollout', 'status', 'deployment/shop'])).toMatch(/successfully rolled out\n$/);
    await peers.kith(1, ['rollout', 'undo', 'deployment/shop']);
    expect(await peers.kith(0, ['rollout', 'status', 'deployment/shop'])).toMatch(/successfully rolled out\n$/);
    const pods = await peers.waitReady(0, 'app=shop', 3);
    expect(new Set(pods.map(({ spec }) => spec.containers[0]?.image))).toEqual(new Set(['kith.dev/hello:1']));
    await shows(['describe', 'service', 'shop'], /^Endpoints: +(\d+\.\d+\.\d+\.\d+:8080,?){3}$/m);
  });

  it('cron-job: its runs are named by their minute', async () => {
    await apply('cron-job');
    // Due every second here: a minute is long for a test.
    const request = { method: 'PATCH' as const, contentType: 'application/merge-patch+json', body: { spec: { schedule: '@every 1s' } } };
    await peers.cluster.peer(0).client.call({ path: '/apis/batch/v1/namespaces/default/cronjobs/report', ...request });
    await shows(['get', 'jobs'], /report-\d+ +Complete +1\/1/);
    await peers.kith(0, ['delete', 'cronjob', 'report']);
  });

  it('web-and-database: what was written outlives the database', async () => {
    await apply('web-and-database');
    await peers.waitReady(1, 'app=guestbook', 2);
    const { spec } = await peers.cluster.peer(1).client.get<Service>('/api/v1/namespaces/default/services/guestbook');
    const sign = await fetch(`http://${spec?.clusterIP}/`, { method: 'POST', body: new URLSearchParams({ text: 'Ann <was> here' }) });
    expect(await sign.text()).toContain('Ann &#60;was&#62; here');
    const [before] = await peers.waitReady(1, 'app=database', 1);
    await peers.kith(1, ['delete', 'pod', 'database-0']);
    const [after] = await peers.waitReady(1, 'app=database', 1);
    expect(after?.metadata.uid).not.toBe(before?.metadata.uid);
    expect(after?.spec.nodeName).toBe(before?.spec.nodeName);
    const page = async (): Promise<string> => (await fetch(`http://${spec?.clusterIP}/`)).text();
    await waitFor('the book is open again', async () => (await page()).includes('Ann &#60;was&#62; here'), { timeoutMs: PATIENCE_MS });
    expect(await page()).toContain('<h1>Who was here</h1>');
    await peers.kith(0, ['delete', '-f', path.join(examples, 'web-and-database', 'web-and-database.yaml')]);
    await shows(['get', 'pvc'], /data-database-0 +Bound/);
    await peers.kith(0, ['delete', 'pvc', 'data-database-0']);
    await shows(['get', 'pv', '-o', 'name'], /^$/);
  });

  it('autoscaling: pods come with the load', async () => {
    await apply('autoscaling');
    await peers.waitReady(1, 'app=sums', 1);
    await peers.kith(0, ['apply', '-f', path.join(examples, 'autoscaling', 'load.yaml')]);
    await shows(['get', 'hpa', 'sums'], /cpu: \d+%\/80% +1 +4 +[34] /);
    await shows(['get', 'pods', '-l', 'app=sums', '-o', 'wide'], /example-1[^]*example-2|example-2[^]*example-1/);
    await peers.kith(0, ['delete', '-f', path.join(examples, 'autoscaling')]);
  });
});
