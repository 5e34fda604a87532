import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineClient } from '../../../daemon/adapters/docker/client.ts';
import { containerLabels, containerName, importPrefix } from '../../../daemon/adapters/docker/names.ts';
import { DockerRuntime } from '../../../daemon/adapters/docker/runtime.ts';
import { KithError } from '../../../protocol/errors.ts';
import { podSpec } from '../../acceptance/runtime-specs.ts';
import { silentLog } from '../../support/silent-log.ts';
import { waitFor } from '../../support/wait.ts';

const UID = '00000000-0000-8000-8000-000000000001';
const VERSION = { Version: '20.10.24', ApiVersion: '1.41', MinAPIVersion: '1.12', Arch: 'amd64' };

let folder: string;
let server: http.Server;
let runtime: DockerRuntime;
/** Status and body, by `METHOD /PATH`; undefined: no answer ever comes. */
let streamed: (response: http.ServerResponse) => void;
let answer: (call: string, query: URLSearchParams) => [number, unknown] | Promise<[number, unknown]> | undefined;

/** An engine that answers who it is, and what a test says. */
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-engine-'));
  server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://engine');
    const call = `${request.method} ${url.pathname.replace(/^\/v1\.\d+/, '')}`;
    if (call.endsWith('/logs')) return streamed(response);
    void Promise.resolve(call === 'GET /version' ? ([200, VERSION] as const) : answer(call, url.searchParams)).then((said) => {
      if (said === undefined) return;
      response.writeHead(said[0], { 'content-type': 'application/json' });
      response.end(said[0] === 204 ? undefined : JSON.stringify(said[1]));
    });
  });
  await new Promise<void>((resolve) => server.listen(path.join(folder, 'docker.sock'), resolve));
  const options = { clusterId: 'c', nodeName: 'n', host: `unix://${folder}/docker.sock`, dataDir: folder };
  runtime = new DockerRuntime({ log: silentLog }, options);
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

describe('an engine', () => {
  it('that fails at one thing is not taken for one that is away', async () => {
    answer = () => [500, { message: 'device or resource busy' }];
    await expect(runtime.removePod(UID)).rejects.toMatchObject({
      code: 'EngineFailed',
      message: expect.stringContaining('device or resource busy') as string,
    });
    await expect(runtime.findImage('nginx')).rejects.toMatchObject({ code: 'EngineFailed' });
    server.closeAllConnections();
    server.close();
    await expect(runtime.findImage('nginx')).rejects.toMatchObject({ code: 'RuntimeUnavailable' });
  });

  it('that takes too long over one thing, and answers questions, is not away either', async () => {
    answer = () => undefined;
    const client = new EngineClient(`unix://${folder}/docker.sock`);
    const call = { path: '/containers/create', timeoutMs: 100 } as const;
    await expect(client.call({ ...call, method: 'POST' })).rejects.toMatchObject({ code: 'Timeout' });
    await expect(client.call({ ...call, method: 'GET' })).rejects.toMatchObject({ code: 'RuntimeUnavailable' });
  });

  it('is given the time for a grace period that is longer than timers know', async () => {
    const labels = containerLabels({ clusterId: 'c', nodeName: 'n' }, podSpec(1), { container: 'main', attempt: 0, image: 'nginx' });
    const container = { Id: 'a'.repeat(64), Names: [`/${containerName(labels)}`], ImageID: 'i', State: 'running', Labels: labels };
    const graces: number[] = [];
    answer = async (call, query) => {
      if (call === 'GET /containers/json') return [200, [container]];
      graces.push(Number(query.get('t')));
      await new Promise((resolve) => setTimeout(resolve, 100));
      return [204, undefined];
    };
    await runtime.stopContainer(podSpec(1).uid, 'main', 365 * 24 * 3600);
    await runtime.stopContainer(podSpec(1).uid, 'main', Number.MAX_SAFE_INTEGER);
    expect(graces[0]).toBe(365 * 24 * 3600);
    expect(graces[1]).toBeLessThan(2 ** 31);
  });

  it('that never made the sandbox of a pod is not the only one to know of its address: it is given back with the pod', async () => {
    answer = (call) => (call === 'GET /containers/json' || call === 'GET /networks' ? [200, []] : [201, { Id: 'net' }]);
    const refuse = async (): Promise<void> => {
      throw new KithError('EngineFailed', 'the rules are not in force');
    };
    runtime.usePodNetwork({ subnet: '10.42.7.0/24', onRefused: () => undefined, beforeStart: refuse });
    const pod = { ...podSpec(1), spec: { containers: [{ name: 'one' }, { name: 'two' }] } };
    await expect(runtime.createSandbox(pod)).rejects.toThrow('the rules are not in force');
    expect(await runtime.list()).toEqual([
      { uid: pod.uid, namespace: pod.namespace, name: pod.name, sandbox: { ip: '', running: false }, containers: [] },
    ]);
    await runtime.removePod(pod.uid);
    expect(await runtime.list()).toEqual([]);
  });

  it('that has containers of images which were never finished is rid of our own', async () => {
    const own = `${importPrefix({ clusterId: 'c', nodeName: 'n' })}0123456789abcdef`;
    const others = `${importPrefix({ clusterId: 'c', nodeName: 'other' })}0123456789abcdef`;
    const [left, foreign] = [own, others].map((name, index) => ({ Id: `id-${index}`, Names: [`/${name}`] }));
    const removed: string[] = [];
    answer = (call, query) => {
      if (call.startsWith('DELETE ')) removed.push(call);
      if (call.startsWith('DELETE ')) return [204, undefined];
      return [200, call === 'GET /containers/json' && (query.get('filters') ?? '').includes('kith_import_') ? [left, foreign] : []];
    };
    await runtime.list();
    await waitFor('it is gone', () => removed.length > 0);
    await runtime.list();
    expect(removed).toEqual(['DELETE /containers/id-0']);
  });

  it('whose log nobody reads to its end ends nothing else', async () => {
    const labels = containerLabels({ clusterId: 'c', nodeName: 'n' }, podSpec(1), { container: 'main', attempt: 0, image: 'nginx' });
    const container = { Id: 'a'.repeat(64), Names: [`/${containerName(labels)}`], ImageID: 'i', State: 'running', Labels: labels };
    const inspected = { Id: container.Id, State: { Running: true }, Config: { Tty: true, Image: 'i', Labels: labels } };
    const lines = (count: number): string => '2026-01-01T00:00:00.000000001Z line\n'.repeat(count);
    for (const count of [1, 3, 200, 20_000]) {
      for (const ends of [true, false]) {
        answer = (call) => (call === 'GET /containers/json' ? [200, [container]] : [200, inspected]);
        streamed = (response) => {
          response.writeHead(200, { 'content-type': 'application/octet-stream' });
          response.write(lines(count));
          if (ends) response.end();
        };
        for (let times = 0; times < 20; times += 1) {
          const stop = new AbortController();
          const chunks = runtime.logs({ podUid: podSpec(1).uid, container: 'main', follow: !ends }, stop.signal)[Symbol.asyncIterator]();
          for (let left = 1 + (times % 3); left > 0; left -= 1) if (left <= count || ends) await chunks.next();
          if (times % 4 === 1) await new Promise((resolve) => setTimeout(resolve, times));
          stop.abort();
          await chunks.return?.();
        }
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  });

  it('that has lost the pause container of a pod is believed', async () => {
    const inspected = { Id: 'p', State: { Running: true }, NetworkSettings: { IPAddress: '172.17.0.2' } };
    answer = (call) => {
      if (call === 'GET /containers/json' || call === 'GET /networks') return [200, []];
      return call.startsWith('POST') ? [201, { Id: 'p' }] : [200, inspected];
    };
    runtime.usePodNetwork({ subnet: '10.42.7.0/24', onRefused: () => undefined });
    const pod = { ...podSpec(1), spec: { containers: [{ name: 'one' }, { name: 'two' }] } };
    expect(await runtime.createSandbox(pod)).toEqual({ ip: '172.17.0.2', running: true });
    expect(await runtime.list()).toEqual([]);
  });
});
