import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIST } from '../support/kithd.ts';
import { waitFor } from '../support/wait.ts';
import { labAvailable } from './available.ts';
import { groupsNamed } from '../support/cell/cgroups.ts';
import { createLab, openLab } from './lab.ts';
import { labFolder, labGroupPrefix } from './record.ts';
import type { Lab, LabHost } from './types.ts';

const missing = labAvailable();
/** How the machine itself looks: links, rules and mounts that no lab may touch. */
async function machine(): Promise<string> {
  const outputs = await Promise.all(
    [
      ['ip', '-o', 'link'],
      ['ip', 'route'],
      ['nft', 'list', 'ruleset'],
    ].map(async ([program, ...words]) => promisify(execFile)(program!, words).then(({ stdout }) => stdout)),
  );
  return [...outputs, await readFile('/proc/self/mountinfo', 'utf8')].join('\n');
}

/** What one host's kernel says when another knocks at a TCP port: `refused`, `accepted` or `silence`. */
async function knock(from: LabHost, to: LabHost, port: number): Promise<string> {
  const script = `const s = require('net').connect(${port}, '${to.address}');
    s.on('connect', () => (console.log('accepted'), process.exit())); s.on('error', (e) => (console.log(e.code === 'ECONNREFUSED' ? 'refused' : 'silence'), process.exit()));
    setTimeout(() => (console.log('silence'), process.exit()), 1000);`;
  return (await from.exec(process.execPath, '-e', script)).trim();
}

/** A connection that one host holds to another, which ends when the other's kernel says so. */
async function connection(from: LabHost, to: LabHost, port: number): Promise<{ ended: (withinMs: number) => Promise<unknown> }> {
  const script = `require('net').connect(${port}, '${to.address}', () => console.log('open')).on('error', () => 0).on('close', () => console.log('closed'))`;
  const [program, ...words] = from.commandLine(process.execPath, '-e', script);
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await waitFor('the connection is open', () => said.includes('open'));
  return {
    ended: async (timeoutMs) => waitFor('the connection ends', () => said.includes('closed'), { timeoutMs }).finally(() => child.kill()),
  };
}

describe.skipIf(missing !== undefined)(`the lab${missing === undefined ? '' : ` (${missing})`}`, () => {
  let lab: Lab;
  let before: string;

  beforeAll(async () => {
    before = await machine();
    lab = await createLab(3);
    await lab.startCluster();
  });
  afterAll(async () => lab?.down());

  it('forms a cluster of hosts that are ready', async () => {
    const nodes = await waitFor('three nodes are ready', async () => {
      const text = await lab.host(2).kith('get', 'nodes');
      return text.match(/ Ready /g)?.length === 3 ? text : undefined;
    });
    expect(nodes).toMatch(/^host-1 .*\n?host-2 .*\nhost-3 /m);
    expect(await lab.host(1).exec('hostname')).toBe('host-1\n');
  });

  it('is not seen by the machine', async () => {
    expect(await machine()).toBe(before);
  });

  it('says nothing through a pulled cable, and answers when it is plugged in', async () => {
    const [one, two] = [lab.host(1), lab.host(2)];
    expect(await knock(one, two, 7420)).toBe('accepted');
    expect(await knock(one, two, 1)).toBe('refused');
    await lab.network.unplug(two);
    expect(await knock(one, two, 1)).toBe('silence');
    await lab.network.plug(two);
    // The neighbour's address is asked for anew, once a second.
    await waitFor('the plugged in answers', async () => (await knock(one, two, 1)) === 'refused');
  });

  it('cuts two hosts from each other and leaves the third with both', async () => {
    const [one, two, three] = [lab.host(1), lab.host(2), lab.host(3)];
    await lab.network.cut([one], [two]);
    expect(await Promise.all([knock(one, two, 1), knock(two, one, 1), knock(one, three, 1), knock(three, two, 1)])).toEqual([
      'silence',
      'silence',
      'refused',
      'refused',
    ]);
    await lab.network.uncut([one], [two]);
    await waitFor('the cut is healed', async () => (await knock(one, two, 1)) === 'refused');
  });

  it('freezes a host whose kernel goes on taking connections', async () => {
    const [one, two] = [lab.host(1), lab.host(2)];
    await two.freeze();
    expect(await knock(one, two, 6443)).toBe('accepted');
    await expect(two.client.call({ path: '/readyz', signal: AbortSignal.timeout(500) })).rejects.toThrow();
    await two.thaw();
    await waitFor('it answers again', async () => (await two.peers()).complete);
  });

  it('kills a host without a word to the others, and starts it again as the same node', async () => {
    const [one, two] = [lab.host(1), lab.host(2)];
    const { self } = await two.peers();
    const open = await connection(one, two, 7420);
    await two.kill();
    await expect(open.ended(1_000)).rejects.toThrow('for: the connection ends');
    expect([two.isOn, two.daemonRuns]).toEqual([false, false]);
    expect(await knock(one, two, 7420)).toBe('silence');
    await two.start();
    await lab.waitAllAlive();
    expect((await two.peers()).self).toBe(self);
  });

  it('goes away without a trace', async () => {
    await lab.down();
    await lab.down();
    expect(existsSync(lab.folder)).toBe(false);
    expect(await groupsNamed(labGroupPrefix(lab.name))).toEqual([]);
    expect(await machine()).toBe(before);
  });
});

describe.skipIf(missing !== undefined)('a lab whose maker is killed', () => {
  it('is taken down by its guard, with a frozen host, and can be made again', async () => {
    const name = `killed-${process.pid}`;
    const up = spawn(process.execPath, [path.join(DIST, 'lab.js'), '--name', name, 'up', '1', '--foreground'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    up.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = new Promise((resolve) => up.once('exit', resolve));
    try {
      await waitFor('the lab is up', () => /^host-1 /m.test(said), { timeoutMs: 60_000 });
      await openLab(name).host(1).freeze();
    } finally {
      up.kill('SIGKILL');
      await ended;
    }
    await waitFor(
      'its guard has removed it',
      async () => !existsSync(labFolder(name)) && (await groupsNamed(labGroupPrefix(name))).length === 0,
      {
        timeoutMs: 20_000,
      },
    );
    const again = await createLab(1, { name });
    await again.down();
  });
});
