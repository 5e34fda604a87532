import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../../protocol/types.ts';
import { PATIENCE_MS, waitFor } from '../../support/wait.ts';
import type { LabCluster } from '../cluster.ts';
import type { Story } from '../in-lab.ts';
import { serviceAddress, Talker } from '../pod-shell.ts';
import type { LabHost } from '../types.ts';

/** Asks with a new connection each time, two at once, until its input ends; then tells what became of that. */
const CLIENT = `
const http = require('node:http');
const servers = {}, failures = [];
let asked = 0, said = false, over = false;
const one = () => new Promise((resolve) => {
  const at = new Date().toISOString();
  const fail = (error) => (failures.push(at + ' ' + (error.code ?? error.message)), resolve());
  const request = http.get(process.argv[1], { agent: false, timeout: 3000 }, (answer) => {
    if (answer.statusCode !== 200) return fail({ code: answer.statusCode });
    const server = answer.headers.server;
    answer.on('error', fail).on('end', () => ((servers[server] = (servers[server] ?? 0) + 1), resolve())).resume();
  });
  request.on('timeout', () => request.destroy(new Error('timeout'))).on('error', fail);
});
const worker = async () => { while (!over) { asked += 1; await one(); if (asked >= 100 && !said) console.log('going', (said = true)); await new Promise((r) => setTimeout(r, 10)); } };
process.stdin.resume().on('end', () => (over = true));
Promise.all([worker(), worker()]).then(() => console.log(JSON.stringify({ asked, servers, failures })));
`;

/** wrk, with a new connection for each request, until its input ends: more of them than the client above can make. */
const HAMMER = `echo 'function delay() return 3 end' > "$1"
wrk -t1 -c4 -d600 --timeout 3s -H 'Connection: close' -s "$1" "$2" & echo going; read end; kill -INT $!; wait`;

interface Told {
  asked: number;
  servers: Record<string, number>;
  failures: string[];
}

const NODE_PORT = 30_081;
const REPLICAS = 4;
/** More than a pod is given before it is stopped in any case. */
const SLOW_SECONDS = 0.6;

/** One host whose kernel hears late of every change. @returns how to undo it */
async function slowRules(host: LabHost): Promise<() => Promise<void>> {
  const nft = (await host.exec('sh', '-c', 'readlink -f $(command -v nft)')).trim();
  const [real, slow] = [`${host.folder}/nft-real`, `${host.folder}/nft-slow`];
  const script = `#!/bin/sh\\ncase "$1" in -f) sleep ${SLOW_SECONDS};; esac\\nexec ${real} "$@"\\n`;
  await host.exec('sh', '-c', `cp ${nft} ${real} && printf '${script}' > ${slow} && chmod +x ${slow} && mount --bind ${slow} ${nft}`);
  return async () => void (await host.exec('umount', '--lazy', nft));
}

/** What `kubectl drain` does with these pods: each is evicted as soon as the budget has room. */
async function drain(cluster: LabCluster, asked: LabHost, node: string): Promise<void> {
  await cluster.kith(asked, ['cordon', node]);
  const there = (await cluster.pods(asked, 'app=shop')).filter(({ spec }) => spec.nodeName === node);
  expect(there.length).toBeGreaterThan(0);
  for (const { metadata } of there) {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: metadata.name } };
    const path = `/api/v1/namespaces/default/pods/${metadata.name}/eviction`;
    await waitFor(`${metadata.name} may go`, async () => (await asked.client.call({ method: 'POST', path, body })).status < 300, {
      timeoutMs: PATIENCE_MS,
      everyMs: 100,
    });
  }
  await waitFor(
    `nothing is left on ${node}`,
    async () => (await cluster.pods(asked, 'app=shop')).every(({ spec }) => spec.nodeName !== node),
    { timeoutMs: PATIENCE_MS, everyMs: 100 },
  );
}

/** One after the other; the hosts are those of the network's story, host 3 far away. */
export const noRequestLost: Story = (cluster) => {
  describe('a Service under load', () => {
    let clients: Talker[] = [];
    let hammer: Talker;
    const undo: (() => Promise<void>)[] = [];
    const byServer = { '1.7.9': 'nginx/1.7.9', '1.8': 'nginx/1.8.1' } as const;
    let clusterIP = '';

    /** By the address of the Service, from two hosts, and by a port of a node, from a host that is none of these. */
    const load = async (): Promise<void> => {
      const [one, two, three] = [1, 2, 3].map((number) => cluster.host(number)) as [LabHost, LabHost, LabHost];
      clients = [
        new Talker(two.commandLine(process.execPath, '-e', CLIENT, `http://${clusterIP}`)),
        new Talker(three.commandLine(process.execPath, '-e', CLIENT, `http://${clusterIP}`)),
        new Talker(one.commandLine(process.execPath, '-e', CLIENT, `http://${two.address}:${NODE_PORT}`)),
      ];
      hammer = new Talker(one.commandLine('sh', '-c', HAMMER, 'sh', `${one.folder}/delay.lua`, `http://${clusterIP}/`));
      for (const client of [...clients, hammer]) await client.until('a hundred requests are answered', (text) => text.includes('going'));
    };
    /** What wrk says of errors. */
    const hammered = async (): Promise<{ asked: number; errors: string[] }> => {
      const text = await hammer.end();
      return { asked: Number(/(\d+) requests in/.exec(text)?.[1]), errors: text.match(/Socket errors:.*|Non-2xx.*/g) ?? [] };
    };
    const told = async (): Promise<Told[]> => {
      const all: Told[] = [];
      for (const client of clients) all.push(JSON.parse((await client.end()).trim().split('\n').at(-1) ?? '') as Told);
      return all;
    };
    const failuresOf = (all: readonly Told[]): string[] => all.flatMap(({ failures }) => failures);
    const serving = async (version: keyof typeof byServer): Promise<Pod[]> =>
      waitFor(
        `${REPLICAS} pods of ${version} serve, and no others are left`,
        async () => {
          const pods = await cluster.waitReady(cluster.host(1), 'app=shop', REPLICAS);
          return pods.every(({ spec }) => spec.containers[0]?.image === `nginx:${version}`) ? pods : undefined;
        },
        { timeoutMs: PATIENCE_MS, everyMs: 100 },
      );

    beforeAll(async () => {
      const labels = { app: 'shop' };
      const container = {
        name: 'nginx',
        image: 'nginx:1.7.9',
        ports: [{ containerPort: 80 }],
        readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 1 },
        resources: { requests: { cpu: '10m' } },
      };
      await cluster.apply(cluster.host(1), {
        apiVersion: 'v1',
        kind: 'List',
        items: [
          {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            metadata: { name: 'shop' },
            spec: {
              replicas: REPLICAS,
              strategy: { rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } },
              selector: { matchLabels: labels },
              template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 5, containers: [container] } },
            },
          },
          {
            apiVersion: 'v1',
            kind: 'Service',
            metadata: { name: 'shop' },
            spec: { type: 'NodePort', selector: labels, ports: [{ port: 80, nodePort: NODE_PORT }] },
          },
          {
            apiVersion: 'policy/v1',
            kind: 'PodDisruptionBudget',
            metadata: { name: 'shop' },
            spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
          },
        ],
      });
      await serving('1.7.9');
      clusterIP = await serviceAddress(cluster, 'shop');
    });
    afterAll(async () => {
      for (const client of [...clients, hammer]) client.kill();
      for (const act of undo) await act();
      await cluster.kith(cluster.host(1), ['delete', 'deployment/shop', 'service/shop', 'pdb/shop']);
      await cluster.waitNoPods(cluster.host(1), 'app=shop');
    });

    it('loses no request when its Deployment is updated, though one host is slow to take pods out of rotation', async () => {
      undo.push(await slowRules(cluster.host(2)));
      await load();
      const began = performance.now();
      await cluster.host(1).client.call({
        method: 'PATCH',
        path: '/apis/apps/v1/namespaces/default/deployments/shop',
        contentType: 'application/strategic-merge-patch+json',
        body: { spec: { template: { spec: { containers: [{ name: 'nginx', image: 'nginx:1.8' }] } } } },
      });
      await serving('1.8');
      const updatedMs = performance.now() - began;
      const [all, wrk] = await Promise.all([told(), hammered()]);
      for (const act of undo.splice(0)) await act();
      const asked = all.reduce((sum, one) => sum + one.asked, wrk.asked);
      console.log(
        `update: ${failuresOf(all).length} of ${asked} requests failed in ${Math.round(updatedMs)} ms; ${wrk.errors.join() || 'none of wrk'}`,
      );
      expect([...failuresOf(all), ...wrk.errors]).toEqual([]);
      expect(wrk.asked).toBeGreaterThan(100);
      for (const { servers } of all) expect(Object.keys(servers).sort()).toEqual(Object.values(byServer));
    });

    it('loses no request when a host is drained', async () => {
      await load();
      await drain(cluster, cluster.host(1), 'host-2');
      await serving('1.8');
      const [all, wrk] = await Promise.all([told(), hammered()]);
      await cluster.kith(cluster.host(1), ['uncordon', 'host-2']);
      console.log(`drain: ${failuresOf(all).length} of ${all.reduce((sum, one) => sum + one.asked, wrk.asked)} requests failed`);
      expect([...failuresOf(all), ...wrk.errors]).toEqual([]);
    });
  });
};
