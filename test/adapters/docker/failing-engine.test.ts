import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DockerRuntime } from '../../../daemon/adapters/docker/runtime.ts';
import { silentLog } from '../../support/silent-log.ts';

let folder: string;
let server: http.Server;

/** An engine that answers, but whose storage refuses one thing. */
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-engine-'));
  server = http.createServer((request, response) => {
    const isVersion = request.url?.startsWith('/version') === true;
    response.writeHead(isVersion ? 200 : 500, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(
        isVersion
          ? { Version: '20.10.24', ApiVersion: '1.41', MinAPIVersion: '1.12', Arch: 'amd64' }
          : { message: 'device or resource busy' },
      ),
    );
  });
  await new Promise<void>((resolve) => server.listen(path.join(folder, 'docker.sock'), resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

it('an engine that fails at one thing is not taken for one that is away', async () => {
  const options = { clusterId: 'c', nodeName: 'n', host: `unix://${folder}/docker.sock`, dataDir: folder };
  const runtime = new DockerRuntime({ log: silentLog }, options);
  await expect(runtime.removePod('00000000-0000-8000-8000-000000000001')).rejects.toMatchObject({
    code: 'EngineFailed',
    message: expect.stringContaining('device or resource busy') as string,
  });
  await expect(runtime.findImage('nginx')).rejects.toMatchObject({ code: 'EngineFailed' });
  server.closeAllConnections();
  server.close();
  await expect(runtime.findImage('nginx')).rejects.toMatchObject({ code: 'RuntimeUnavailable' });
});
