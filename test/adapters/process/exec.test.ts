import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { execBeside } from '../../../daemon/adapters/process/exec.ts';
import { bootId, parseStat } from '../../../daemon/adapters/process/processes.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kith-exec-'));
  await writeFile(join(folder, 'program.json'), JSON.stringify({ workingDir: folder }));
  // This process for the shim.
  const { startTicks = '' } = parseStat(readFileSync('/proc/self/stat', 'latin1')) ?? {};
  await writeFile(join(folder, 'shim'), `${process.pid} ${startTicks} ${await bootId()} 0`);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('ends a command that has put off the environment it was given', async () => {
  const abort = new AbortController();
  const request = {
    podUid: 'pod',
    container: 'main',
    command: ['env', '-i', 'sh', '-c', 'echo begun; exec sleep 60'],
    tty: false,
    stdin: false,
  };
  const command = await execBeside(folder, request, abort.signal);
  let said = '';
  for await (const { bytes } of command.output) {
    said += Buffer.from(bytes).toString();
    if (said.includes('begun')) break;
  }
  abort.abort();
  expect(await command.exitCode()).toBe(128 + 15);
});
