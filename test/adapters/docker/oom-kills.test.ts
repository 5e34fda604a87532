import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { EngineClient } from '../../../daemon/adapters/docker/client.ts';
import { Listing } from '../../../daemon/adapters/docker/listing.ts';
import { containerLabels, containerName } from '../../../daemon/adapters/docker/names.ts';
import { OomKills } from '../../../daemon/adapters/docker/oom-kills.ts';
import { TerminationFiles } from '../../../daemon/adapters/docker/termination.ts';

const [GREEDY, OTHER] = ['a'.repeat(64), 'b'.repeat(64)];
/** As a kernel writes it. */
const record = (group: string): string =>
  `6,1200,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=${group},task_memcg=${group},task=dd,pid=13,uid=0\n`;

let folder: string;
let log: string;
let kills: OomKills;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-oom-'));
  log = path.join(folder, 'kmsg');
  await writeFile(log, '6,1,1,-;Linux version 6.1\n');
  kills = new OomKills(log);
});
afterEach(async () => {
  kills.close();
  await rm(folder, { recursive: true, force: true });
});

it('knows of the containers that the kernel killed, however their control groups are called, and of those that it kills later', async () => {
  expect(kills.has(GREEDY)).toBe(false);
  await appendFile(log, record(`/docker/${GREEDY}`));
  expect([kills.has(GREEDY), kills.has(OTHER)]).toEqual([true, false]);
  await appendFile(log, record(`/system.slice/docker-${OTHER}.scope`));
  expect([kills.has(GREEDY), kills.has(OTHER)]).toEqual([true, true]);
});

it('says nothing where there is no such log', () => {
  expect(new OomKills(path.join(folder, 'none')).has(GREEDY)).toBe(false);
});

it('tells of memory where the engine missed it, and only of what was killed', async () => {
  const owner = { clusterId: 'c', nodeName: 'n' };
  const pod = { uid: '1', namespace: 'default', name: 'web', labels: {}, annotations: {}, spec: { containers: [] }, hostname: 'web' };
  const labels = containerLabels(owner, pod, { container: 'main', attempt: 0, image: 'nginx', address: '10.42.0.2' });
  const ended = {
    Status: 'exited',
    Running: false,
    OOMKilled: false,
    Error: '',
    StartedAt: '2026-01-01T00:00:00Z',
    FinishedAt: '2026-01-01T00:00:01Z',
  };
  const outOfMemory = async (id: string, ExitCode: number): Promise<boolean | undefined> => {
    const summary = { Id: id, Names: [`/${containerName(labels)}`], ImageID: 'i', State: 'exited', Labels: labels };
    const call = async ({ path: asked }: { path: string }): Promise<unknown> =>
      asked === '/containers/json'
        ? [summary]
        : { Id: id, Image: 'i', State: { ...ended, ExitCode }, Config: { Tty: false }, NetworkSettings: {} };
    const listing = new Listing(
      { client: { call } as unknown as EngineClient, termination: new TerminationFiles(folder), oomKills: kills },
      owner,
    );
    return (await listing.pods())[0]?.containers[0]?.outOfMemory;
  };
  await appendFile(log, record(`/docker/${GREEDY}`));
  expect(await outOfMemory(GREEDY, 137)).toBe(true);
  expect(await outOfMemory(OTHER, 137)).toBeUndefined();
  expect(await outOfMemory(GREEDY, 0)).toBeUndefined();
});
