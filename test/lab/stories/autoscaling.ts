import path from 'node:path';
import { expect, it } from 'vitest';
import { PATIENCE_MS, waitFor } from '../../support/wait.ts';
import { story } from '../in-lab.ts';
import { projectRoot } from '../record.ts';

const example = (file: string): string => path.join(projectRoot(), 'examples', 'autoscaling', file);
/** Use is looked at every 15 s, and two looks make a rate. */
const FOLLOWED_MS = 2 * PATIENCE_MS;

export const autoscalingStory = story('a deployment under load', (cluster) => {
  it('gets more pods, on other nodes, too, and fewer when the load has gone', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    await cluster.kith(one, ['apply', '-f', example('autoscaling.yaml')]);
    await cluster.waitReady(two, 'app=sums', 1);
    const replicas = async (): Promise<number> =>
      Number(await cluster.kith(two, ['get', 'deployment', 'sums', '-o', 'jsonpath={.spec.replicas}']));
    await cluster.kith(two, ['apply', '-f', example('load.yaml')]);
    const most = await waitFor('the autoscaler follows', async () => ((await replicas()) >= 3 ? replicas() : undefined), {
      timeoutMs: FOLLOWED_MS,
    });
    const pods = await cluster.waitReady(one, 'app=sums', most);
    expect(new Set(pods.map(({ spec }) => spec.nodeName))).toEqual(new Set(['host-1', 'host-2']));
    // All of them get requests.
    const answering = async (): Promise<boolean> => {
      const said = await cluster.kith(one, ['logs', 'deployment/load', '--tail=1']);
      return pods.every(({ metadata }) => said.includes(`${metadata.name} `));
    };
    await waitFor('all are asked', answering, { timeoutMs: PATIENCE_MS, everyMs: 500 });
    // Half a minute in the example: long for a test.
    const body = { spec: { behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } } };
    const request = { method: 'PATCH' as const, contentType: 'application/merge-patch+json', body };
    await two.client.call({ path: '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/sums', ...request });
    await cluster.kith(one, ['delete', '-f', example('load.yaml')]);
    await waitFor('they are too many', async () => (await replicas()) === 1, { timeoutMs: FOLLOWED_MS });
    await cluster.waitReady(two, 'app=sums', 1);
    await cluster.waitNothingTwice(one);
    await cluster.kith(one, ['delete', '-f', example('autoscaling.yaml')]);
  });
});
