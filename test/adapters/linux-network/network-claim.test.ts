import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { claimNetwork, runsHere, tellOfRunning } from '../../../daemon/adapters/linux-network/network-claim.ts';

const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

/** Another process that listens by this name and answers so. */
async function holder(name: string, answer: string): Promise<ChildProcess> {
  const script = `require('node:net').createServer((s) => s.end(${JSON.stringify(answer)})).listen({ path: ${JSON.stringify(name)} }, () => console.log('on'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

describe.runIf(process.platform === 'linux')('the network of a host', () => {
  const own = { cluster: 'a', node: 'node-1' };
  const nameOf = (test: string): string => `\0kith/test/${process.pid}/${path.basename(test)}`;

  it('is for the first cluster that takes it; its other nodes may share it, others are told who has it', async () => {
    const name = nameOf('first');
    expect(await claimNetwork(own, { name })).toEqual(own);
    expect(await claimNetwork({ cluster: 'a', node: 'node-2' }, { name })).toEqual(own);
    expect(await claimNetwork({ cluster: 'b', node: 'node-9' }, { name, tryMs: 150 })).toEqual(own);
  });

  it('is led by each daemon that tells so, whoever took it first', async () => {
    const [one, other] = ['node-1', 'node-2'].map((node) => ({ cluster: `shared-${process.pid}`, node }));
    expect(await runsHere(other!)).toBe(false);
    await tellOfRunning(other!);
    expect(await runsHere(other!)).toBe(true);
    expect(await runsHere(one!)).toBe(false);
  });

  it('is free again when the process ends that had it', async () => {
    const name = nameOf('free');
    const child = await holder(name, JSON.stringify({ cluster: 'b', node: 'old' }));
    setTimeout(() => child.kill('SIGKILL'), 200);
    expect(await claimNetwork(own, { name })).toEqual(own);
  });

  it('is taken, by whom is not known, where something else has the name', async () => {
    const name = nameOf('strange');
    await holder(name, 'hello');
    expect(await claimNetwork(own, { name, tryMs: 150 })).toEqual({ cluster: '', node: '' });
  });

  it('keeps no connection of whoever asks and does not hang up: any program of the host may', async () => {
    const name = nameOf('asked');
    await claimNetwork(own, { name });
    const asker = connect({ path: name, allowHalfOpen: true });
    asker.resume();
    await once(asker, 'end');
    const broken = once(asker, 'error');
    const writing = setInterval(() => asker.write('still here'), 100);
    expect(await broken).toMatchObject([{ code: 'EPIPE' }]);
    clearInterval(writing);
  });
});
