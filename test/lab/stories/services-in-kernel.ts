import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../../protocol/types.ts';
import { PATIENCE_MS, waitFor } from '../../support/wait.ts';
import type { Story } from '../in-lab.ts';
import { ask, inPod, lines, onHost, podCommandLine, serviceAddress, Talker } from '../pod-shell.ts';
import { projectRoot } from '../record.ts';
import type { LabHost } from '../types.ts';

const ECHO = `
const name = process.argv[1], udp = require('node:dgram').createSocket('udp4', (data, from) => udp.send(name, from.port, from.address)).bind(7000);
require('node:net').createServer((socket) => socket.on('error', () => 0).on('data', () => socket.write(name))).listen(7000, () => console.log('listens'));
process.stdin.resume().on('end', () => process.exit());
`;
/** From one port, whatever becomes of it. Prints each answer's author. */
const DATAGRAMS = `
const udp = require('node:dgram').createSocket('udp4', (data) => console.log(String(data)));
udp.on('error', () => 0).bind(5555, () => setInterval(() => udp.send('x', 7000, process.argv[1]), 50));
process.stdin.resume().on('end', () => process.exit());
`;
const NODE_PORT = 30_082;

export const servicesInKernel: Story = (cluster) => {
  describe('Services in the kernel', () => {
    const talkers: Talker[] = [];
    let pods: Pod[] = [];
    const on = (host: LabHost): Pod => pods.find((pod) => pod.spec.nodeName === host.node)!;
    const talk = (words: readonly [string, ...string[]]): Talker => {
      const talker = new Talker(words);
      talkers.push(talker);
      return talker;
    };
    const startEcho = async (pod: Pod): Promise<void> => {
      const echo = talk(await podCommandLine(cluster, pod, process.execPath, '-e', ECHO, pod.metadata.name));
      await echo.until('the echo listens', (text) => text.includes('listens'));
    };

    beforeAll(async () => {
      const container = {
        name: 'web',
        image: 'busybox',
        command: ['sh', '-c', 'mkdir -p /w; echo $HOSTNAME > /w/index.html; exec httpd -f -p 8080 -h /w'],
      };
      const labels = { app: 'kept' };
      const pod = (name: string, host: number, of: object): object => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, labels: of },
        spec: {
          nodeName: `host-${host}`,
          // Where an engine needs long to start again, no other node takes its pods meanwhile.
          nodeSelector: { 'kubernetes.io/hostname': `host-${host}` },
          terminationGracePeriodSeconds: 1,
          containers: [container],
        },
      });
      const service = (name: string, spec: object): object => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name },
        spec: { selector: labels, ...spec },
      });
      await cluster.apply(cluster.host(1), {
        apiVersion: 'v1',
        kind: 'List',
        items: [
          ...[1, 2, 3].map((number) => pod(`kept-${number}`, number, labels)),
          pod('asker', 3, { app: 'asker' }),
          service('sticky', { sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 8080 }] }),
          service('kept', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT }] }),
          service('said', {
            ports: [
              { name: 'tcp', port: 7000 },
              { name: 'udp', port: 7000, protocol: 'UDP' },
            ],
          }),
        ],
      });
      pods = await cluster.waitReady(cluster.host(1), 'app=kept', 3, PATIENCE_MS);
      for (const pod of pods) await startEcho(pod);
    });
    afterAll(async () => {
      for (const talker of talkers) talker.kill();
      await cluster.kith(cluster.host(1), ['delete', 'pods', '-l', 'app in (kept, asker)', '--now']);
      await cluster.kith(cluster.host(1), ['delete', 'services', 'sticky', 'kept', 'said']);
      await cluster.waitNoPods(cluster.host(1), 'app=kept');
    });

    it('lead from outside to all pods by a port of any node', async () => {
      const names = pods.map(({ metadata }) => metadata.name).sort();
      for (const host of cluster.lab.hosts)
        expect(lines(await cluster.lab.exec(...ask(`http://${host.address}:${NODE_PORT}`, 3))).sort()).toEqual(names);
    });

    it('are those of the cluster that was there first: kithd of another one on that host says so, and leaves the kernel alone', async () => {
      const two = cluster.host(2);
      const folder = `${two.folder}/second`;
      const kithd = [
        process.execPath,
        path.join(projectRoot(), 'dist', 'kithd.js'),
        '--node-name',
        'second',
        '--data-dir',
        `${folder}/data`,
      ];
      const where = ['--socket', `${folder}.sock`, '--listen', '0.0.0.0:7520', '--api-listen', '0.0.0.0:6543'];
      const engine = ['--runtime', 'docker', '--docker-host', `unix://${two.engineSocket}`];
      // It ends with its input.
      const script = `mkdir -p ${folder}; ${[...kithd, ...where, ...engine].join(' ')} 2>&1 & read end; kill $!; wait`;
      const second = talk(two.commandLine('sh', '-c', script));
      await second.until('the second kithd is up', (text) => text.includes('is up'));
      expect(second.text).toMatch(
        /kithd of node host-2 in cluster \S+ leads the packets of this host already; one of the two has to be stopped/,
      );
      const kith = [`KITH_SOCKET=${folder}.sock`, process.execPath, path.join(projectRoot(), 'dist', 'kith.js')];
      await waitFor('its node tells of it', async () =>
        /NetworkUnavailable +True .*NoPodNetwork/.test(await two.exec('env', ...kith, 'describe', 'node', 'second')),
      );
      expect((await two.exec('nft', 'list', 'tables', 'ip')).match(/kith_/g)).toHaveLength(1);
      expect(lines(await cluster.lab.exec(...ask(`http://${two.address}:${NODE_PORT}`, 3)))).toHaveLength(3);
      await second.end();
    });

    it('lead a client to the same pod again with sessionAffinity, also after a restart of the daemon', async () => {
      const one = cluster.host(1);
      const address = await serviceAddress(cluster, 'sticky');
      const shells = [onHost(one), await inPod(cluster, on(one))];
      const chosen: string[] = [];
      for (const shell of shells) {
        const answers = lines(await shell(...ask(`http://${address}`, 6)));
        expect(new Set(answers).size, answers.join()).toBe(1);
        chosen.push(answers[0] ?? '');
      }
      await one.killDaemon();
      await one.startDaemon();
      const isUpToDate = async (): Promise<boolean> => /Services by: +nftables, on/.test(await cluster.kith(one, ['net']));
      await waitFor('the rules are those of the new daemon', isUpToDate, { timeoutMs: PATIENCE_MS, everyMs: 100 });
      // In the other order: who is led anew gets the first one.
      for (const [index, shell] of [...shells.entries()].reverse())
        expect(new Set(lines(await shell(...ask(`http://${address}`, 6))))).toEqual(new Set([chosen[index]]));
    });

    it('outlive a restart of an engine: connections of other hosts live on, and what runs there serves again', async () => {
      const [one, two, three] = [1, 2, 3].map((number) => cluster.host(number)) as [LabHost, LabHost, LabHost];
      const open = talk(await podCommandLine(cluster, on(one), 'busybox', 'nc', on(three).status?.podIP ?? '', '7000'));
      let said = 0;
      const echoes = async (): Promise<void> => {
        said += 1;
        open.say('more\n');
        await open.until('an echo', (text) => text.length >= said * on(three).metadata.name.length);
      };
      await echoes();
      await two.stopEngine();
      await echoes();
      await two.startEngine();
      pods = await cluster.waitReady(one, 'app=kept', 3);
      await echoes();
      const address = await serviceAddress(cluster, 'kept');
      const names = pods.map(({ metadata }) => metadata.name).sort();
      const served = async (answer: string): Promise<boolean> => lines(answer).sort().join() === names.join();
      const wait = { timeoutMs: PATIENCE_MS, everyMs: 100 };
      await waitFor(
        'its pods reach Services',
        async () => served(await (await inPod(cluster, on(two)))(...ask(`http://${address}`, 3))),
        wait,
      );
      await waitFor(
        'its ports lead to them',
        async () => served(await cluster.lab.exec(...ask(`http://${two.address}:${NODE_PORT}`, 3))),
        wait,
      );
      expect(open.ended).toBe(false);
    });

    it('lead a UDP client that sends on from one port away from a pod that is gone', async () => {
      const [one, two, three] = cluster.lab.hosts as [LabHost, LabHost, LabHost];
      // That one's program ended with the engine.
      await startEcho(on(two));
      const words = [process.execPath, '-e', DATAGRAMS, await serviceAddress(cluster, 'said')] as const;
      const [asker] = await cluster.waitReady(one, 'app=asker', 1);
      for (const client of [talk(three.commandLine(...words)), talk(await podCommandLine(cluster, asker!, ...words))]) {
        await client.until('datagrams are answered', (text) => lines(text).length > 3);
        const served = lines(client.text).at(-1) ?? '';
        await cluster.kith(one, ['delete', 'pod', served, '--now']);
        const answered = (text: string): number => lines(text).filter((line) => line !== served).length;
        const before = answered(client.text);
        await client.until(`others answer in place of ${served}`, (text) => answered(text) > before + 3);
      }
    });
  });
};
