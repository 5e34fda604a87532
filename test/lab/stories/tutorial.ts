import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Deployment, Pod } from '../../../protocol/types.ts';
import { isReady } from '../../support/workloads.ts';
import { PATIENCE_MS, waitFor } from '../../support/wait.ts';
import { story } from '../in-lab.ts';
import { EngineLog } from '../engine-log.ts';
import type { LabHost } from '../types.ts';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..', 'e2e', 'tutorial');
const file = (name: string): string => path.join(folder, name);
const WEB = 'nginx-deployment-dev';
/** The tutorial's deployment, but one that may not be without a ready pod. */
const web = (image: string): unknown => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: WEB },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: WEB } },
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: WEB } },
      spec: { containers: [{ name: 'nginx', image, ports: [{ containerPort: 80 }] }] },
    },
  },
});

export const tutorialStory = story("the tutorial's story on three hosts", (cluster) => {
  it('creates a pod at one host, shows it at another and deletes it at the third', async () => {
    const [one, two, three] = hosts();
    expect(await cluster.kith(one, ['create', '-f', file('nginx.yaml')])).toBe('pod/nginx created\n');
    const [pod] = await cluster.waitReady(two, undefined, 1);
    expect(await cluster.kith(two, ['get', 'pods'])).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\nnginx +1\/1 +Running +0 +\d+s\n$/);
    const [container] = [...(await cluster.running()).values()];
    expect(container).toMatchObject({ uid: pod?.metadata.uid, node: pod?.spec.nodeName, image: 'nginx:1.7.9', attempt: 0 });
    expect(await cluster.kith(three, ['delete', 'pod', 'nginx'])).toBe('pod "nginx" deleted\n');
    await waitFor('nothing runs', async () => (await cluster.running()).size === 0, { timeoutMs: PATIENCE_MS });
  });

  it('spreads a replication controller of three over three nodes, and one that is deleted returns', async () => {
    const [one, two] = hosts();
    await cluster.kith(two, ['create', '-f', file('nginx-multi-label.yaml')]);
    const pods = await cluster.waitReady(one, 'app=nginx', 3);
    expect(nodesOf(pods)).toEqual(['host-1', 'host-2', 'host-3']);
    await cluster.waitNothingTwice(one);
    const before = await cluster.running();
    const [victim] = pods;
    await cluster.kith(one, ['delete', 'pod', victim?.metadata.name ?? '']);
    const after = await cluster.waitReady(two, 'app=nginx', 3);
    await cluster.waitNothingTwice(two);
    expect(after.map(({ metadata }) => metadata.uid)).not.toContain(victim?.metadata.uid);
    const kept = [...(await cluster.running()).keys()].filter((id) => before.has(id));
    expect(kept).toHaveLength(2);
    await cluster.kith(one, ['delete', 'rc', 'nginx-www']);
    await cluster.waitNoPods(two, 'app=nginx');
    await waitFor('nothing runs', async () => (await cluster.running()).size === 0, { timeoutMs: PATIENCE_MS });
  });

  it('updates a deployment from nginx 1.7.9 to 1.8 without a moment in which no pod is ready', async () => {
    const [one, two, three] = hosts();
    await cluster.apply(one, web('nginx:1.7.9'));
    await cluster.waitReady(two, `app=${WEB}`, 1);
    const log = await new EngineLog(hosts()).open();
    await cluster.apply(two, web('nginx:1.8'));
    const polling = new AbortController();
    const leastReady = leastReadyPods(three, polling.signal);
    const updated = await waitFor(
      'the pod of the new version alone',
      async () => {
        const pods = await cluster.pods(three, `app=${WEB}`);
        return pods.length === 1 && pods.every((pod) => isReady(pod) && imageOf(pod) === 'nginx:1.8') ? pods[0] : undefined;
      },
      { timeoutMs: PATIENCE_MS, everyMs: 50 },
    );
    await cluster.waitNothingTwice(one);
    polling.abort();
    expect(await leastReady).toBe(1);
    await log.close();
    // The engines' own word: the old container died only after the new one had started.
    expect(log.events.map(({ action, uid }) => `${action} ${uid === updated.metadata.uid ? 'new' : 'old'}`)).toEqual([
      'start new',
      'die old',
    ]);
  });

  it('scales up over all nodes, and down again, and touches only what it must', async () => {
    const [one, two, three] = hosts();
    const original = await cluster.running();
    await cluster.kith(three, ['scale', 'deployment', WEB, '--replicas=6']);
    const pods = await cluster.waitReady(one, `app=${WEB}`, 6);
    expect(nodesOf(pods)).toEqual(['host-1', 'host-1', 'host-2', 'host-2', 'host-3', 'host-3']);
    await cluster.waitNothingTwice(two);
    const six = await cluster.running();
    for (const id of original.keys()) expect(six.has(id)).toBe(true);
    await cluster.kith(one, ['scale', 'deployment', WEB, '--replicas=2']);
    await cluster.waitReady(two, `app=${WEB}`, 2);
    await cluster.waitNothingTwice(three);
    for (const id of (await cluster.running()).keys()) expect(six.has(id)).toBe(true);
    const deployments = await cluster.list<Deployment>(two, '/apis/apps/v1/namespaces/default/deployments');
    expect(deployments[0]?.status).toMatchObject({ replicas: 2, readyReplicas: 2 });
    await cluster.waitSameState();
  });

  function hosts(): [LabHost, LabHost, LabHost] {
    return [cluster.host(1), cluster.host(2), cluster.host(3)];
  }

  /** The smallest number of ready pods of the deployment that was ever seen until the signal. */
  async function leastReadyPods(asked: LabHost, signal: AbortSignal): Promise<number> {
    let least = Number.POSITIVE_INFINITY;
    while (!signal.aborted) least = Math.min(least, (await cluster.pods(asked, `app=${WEB}`)).filter(isReady).length);
    return least;
  }
});

function imageOf(pod: Pod): string {
  return pod.spec.containers[0]?.image ?? '';
}

function nodesOf(pods: readonly Pod[]): string[] {
  return pods.map(({ spec }) => spec.nodeName ?? '').sort();
}
