import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseRuntime, rememberRuntime } from '../../daemon/app/runtime.ts';
import { silentLog } from '../support/silent-log.ts';

let folder: string;
let dataDir: string;
let engine: http.Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-choice-'));
  dataDir = path.join(folder, 'data');
  engine = undefined;
});
afterEach(async () => {
  stopEngine();
  await rm(folder, { recursive: true, force: true });
});

async function startEngine(): Promise<void> {
  engine = http.createServer((_request, response) => response.end('OK'));
  await new Promise<void>((resolve) => engine!.listen(path.join(folder, 'docker.sock'), resolve));
}
function stopEngine(): void {
  engine?.closeAllConnections();
  engine?.close();
}
/** Of a daemon that starts. */
async function choice(runtime: 'auto' | 'docker' | 'process' = 'auto'): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  const chosen = await chooseRuntime({ runtime, dockerHost: `unix://${folder}/docker.sock`, dataDir }, silentLog);
  await rememberRuntime(chosen, dataDir, silentLog);
  return chosen.name;
}

describe('what runs containers, where nobody says it', () => {
  it('is an engine that answers, else processes', async () => {
    expect(await choice()).toBe('process');
    await startEngine();
    expect(await choice()).toBe('docker');
  });

  it('stays the engine when that is away while the daemon starts', async () => {
    await startEngine();
    await choice();
    stopEngine();
    expect(await choice()).toBe('docker');
    expect(await choice('process')).toBe('process');
    expect(await choice()).toBe('process');
  });

  it('stays the engine of a release that wrote nothing down', async () => {
    await mkdir(path.join(dataDir, 'docker', 'termination'), { recursive: true });
    expect(await choice()).toBe('docker');
  });

  it('stays processes while there are pods of theirs, though an engine answers by now', async () => {
    await choice();
    await mkdir(path.join(dataDir, 'process', 'pods', 'uid'), { recursive: true });
    await startEngine();
    expect(await choice()).toBe('process');
    await rm(path.join(dataDir, 'process', 'pods', 'uid'), { recursive: true });
    expect(await choice()).toBe('docker');
  });
});
