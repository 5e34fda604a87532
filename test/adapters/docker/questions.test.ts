import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { containerLabels, containerName } from '../../../daemon/adapters/docker/names.ts';
import { DockerRuntime } from '../../../daemon/adapters/docker/runtime.ts';
import { silentLog } from '../../support/silent-log.ts';
import { waitFor } from '../../support/wait.ts';

const OWNER = { clusterId: 'c', nodeName: 'n' };
const UID = '00000000-0000-8000-8000-000000000001';
const POD = { uid: UID, namespace: 'default', name: 'web', labels: {}, annotations: {}, spec: { containers: [] }, hostname: 'web' };
const LABELS = containerLabels(OWNER, POD, { container: 'main', attempt: 0, image: 'nginx', address: '10.42.0.2' });
const ID = 'a'.repeat(64);

let folder: string;
let server: http.Server;
let runtime: DockerRuntime;
let events: http.ServerResponse | undefined;
let asked: string[];
let state: 'created' | 'running' | 'exited';
let hints: number;

/** An engine with one container, whose every question is noted. */
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-engine-'));
  [asked, hints, state, events] = [[], 0, 'created', undefined];
  server = http.createServer((request, response) => {
    const target = (request.url ?? '').replace(/^\/v1\.\d+/, '').replace(/\?.*$/, '');
    asked.push(target);
    response.writeHead(200, { 'content-type': 'application/json' });
    if (target !== '/events') return void response.end(JSON.stringify(answer(target)));
    response.flushHeaders();
    events = response;
  });
  await new Promise<void>((resolve) => server.listen(path.join(folder, 'docker.sock'), resolve));
  runtime = new DockerRuntime({ log: silentLog }, { ...OWNER, host: `unix://${folder}/docker.sock`, dataDir: folder });
  runtime.onHint(() => (hints += 1));
  await runtime.start();
  await waitFor('it listens', () => events !== undefined && hints === 1);
});
afterEach(async () => {
  server.closeAllConnections();
  await runtime.stop();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

function answer(target: string): unknown {
  if (target === '/version') return { Version: '20.10.24', ApiVersion: '1.41', MinAPIVersion: '1.12', Arch: 'amd64' };
  if (target === '/containers/json') return [{ Id: ID, Names: [`/${containerName(LABELS)}`], ImageID: 'i', State: state, Labels: LABELS }];
  const at = { StartedAt: '2026-01-01T00:00:00Z', FinishedAt: '2026-01-01T00:00:01Z', ExitCode: 0, OOMKilled: false, Error: '' };
  return { Id: ID, Image: 'i', State: { ...at, Status: state, Running: state === 'running' }, Config: { Tty: false }, NetworkSettings: {} };
}

/** Resolves when the runtime has read it. */
async function tell(action: string, isHint: boolean): Promise<void> {
  const before = hints;
  events?.write(`${JSON.stringify({ Action: action, Actor: { ID, Attributes: LABELS } })}\n`);
  if (isHint) await waitFor(`a hint of ${action}`, () => hints > before);
}

const inspections = (): number => asked.filter((target) => target === `/containers/${ID}/json`).length;

it('a container is inspected once when it starts, whichever tells first, and once when it ends', async () => {
  await runtime.list();
  expect(inspections()).toBe(0);
  state = 'running';
  expect((await runtime.list())[0]?.containers[0]?.state).toBe('running');
  await tell('start', true);
  await runtime.list();
  expect(inspections()).toBe(1);
  state = 'exited';
  await tell('die', true);
  expect((await runtime.list())[0]?.containers[0]?.state).toBe('exited');
  await runtime.list();
  expect(inspections()).toBe(2);
});

it('what changes nothing that is listed is no reason to look', async () => {
  await tell('create', false);
  await tell('kill', false);
  await tell('exec_start: sh', false);
  // Read in order: once this one is heard, those before were, too.
  await tell('start', true);
  expect(hints).toBe(2);
});

it('what ends while it is being attached to is refused, and not waited for: an engine would say nothing for ever', async () => {
  state = 'running';
  let attached: Duplex | undefined;
  server.on('upgrade', (_request, socket: Duplex) => {
    state = 'exited';
    attached = socket;
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  });
  const attach = runtime.attach({ podUid: UID, container: 'main', stdin: true }, new AbortController().signal);
  await expect(attach).rejects.toMatchObject({ code: 'NotFound' });
  await waitFor('the connection to the engine has ended', () => attached?.destroyed === true || attached?.readableEnded === true);
  attached?.destroy();
});
