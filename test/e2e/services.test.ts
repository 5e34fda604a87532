import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { DoctorAnswer } from '../../protocol/doctor.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Pod, Service } from '../../protocol/types.ts';
import { realPeers } from '../support/real-peers.ts';
import { request, SteadyLoad } from '../support/steady-load.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';
import { isReady } from '../support/workloads.ts';

/** Of this test run. */
const names = { host: `127.95.${(process.pid >> 8) & 255}.${(process.pid & 127) + 1}`, port: 15_353 };
const peers = realPeers(2, 'svc', (index) => (index === 0 ? ['--dns-listen', `${names.host}:${names.port}`] : []));
const hello = path.join(import.meta.dirname, '..', '..', 'examples', 'hello.yaml');

it('a Service takes turns, and loses no request while its pods are replaced by those of a new version', async () => {
  await peers.kith(0, ['apply', '-f', hello]);
  await peers.waitReady(1, 'app=hello', 3);
  const service = (await peers.list<KubeObject & Service>(1, '/api/v1/namespaces/default/services')).find(
    ({ metadata }) => metadata.name === 'hello',
  );
  const url = `http://${service?.spec?.clusterIP}:8080`;
  const seen = new Set<string>();
  await waitFor('answers of all pods', async () => seen.add(await request(url)).size === 3, {
    timeoutMs: PATIENCE_MS,
    everyMs: 10,
  });
  const resolver = new Resolver();
  resolver.setServers([`${names.host}:${names.port}`]);
  expect(await resolver.resolve4('hello.default.svc.cluster.local')).toEqual([service?.spec?.clusterIP]);
  expect(await peers.kith(1, ['get', 'endpoints', 'hello'])).toMatch(/hello +127\.\S+:8080,127\.\S+:8080,127\.\S+:8080/);

  expect(await peers.kith(1, ['net', 'hello'])).toMatch(/hello-\S+ +svc-1 +in +ready/);

  const load = new SteadyLoad(url, { everyMs: 5, workers: 3 });
  await peers.kith(0, ['apply', '-f', '-'], (await readFile(hello, 'utf8')).replace('hello:1\n', 'hello:2\n'));
  const isNew = (pod: Pod): boolean => isReady(pod) && pod.spec.containers[0]?.image === 'kith.dev/hello:2';
  await waitFor(
    'three pods of the new version, and no other',
    async () => {
      const pods = await peers.pods(1, 'app=hello');
      return pods.length === 3 && pods.every(isNew);
    },
    { timeoutMs: PATIENCE_MS, everyMs: 50 },
  );
  const { answered, failures, answers } = await load.stop();
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(50);
  const versions = new Set([...answers.keys()].map((answer) => answer.split(' ')[1]));
  expect(versions).toEqual(new Set(['1', '2']));
});

it('kith doctor finds nothing on peers that are well, and says of one that was killed what is wrong and what to do', async () => {
  const well = await peers.command(1, ['doctor']);
  expect(well, well.out).toMatchObject({ code: 0, err: '' });
  expect(well.out).toMatch(/^svc-1: looked at state, peers[^]* names\n[^]*svc-2: looked at [^]*Nothing is wrong\.\n$/);
  expect(await peers.command(1, ['doctor', 'svc-9'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('no member has a node "svc-9"') as string,
  });
  await peers.cluster.killDaemon(1);
  const sick = await peers.command(0, ['doctor', '-o', 'json']);
  expect(sick).toMatchObject({ code: 1, err: expect.stringMatching(/^error: \d things are wrong\n$/) as string });
  const { nodes, findings } = JSON.parse(sick.out) as DoctorAnswer;
  expect(nodes.map(({ node, answered }) => [node, answered])).toEqual([
    ['svc-1', true],
    ['svc-2', false],
  ]);
  expect(findings).toEqual(
    expect.arrayContaining([
      {
        node: 'svc-1',
        check: 'peers',
        what: expect.stringMatching(/^nobody listens at \S+ \(TCP\) of node svc-2$/) as string,
        fix: expect.stringContaining('start kithd there') as string,
      },
      {
        node: 'svc-2',
        check: 'state',
        what: expect.stringContaining('does not answer the doctor') as string,
        fix: expect.stringContaining('log') as string,
      },
    ]),
  );
});
