import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../../protocol/types.ts';
import { DIST, realPeers, removeQuietly } from '../support/real-peers.ts';
import { type CommandResult } from '../support/run-command.ts';
import { counters, hello } from '../support/workloads.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'kith-cli-'));
afterAll(async () => removeQuietly(folder));

function manifest(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** The command as a person runs it. */
async function program(words: string[], environment: Record<string, string>, stdin = ''): Promise<CommandResult> {
  const child = spawn(process.execPath, [path.join(DIST, 'kith.js'), ...words], { env: environment });
  const result: CommandResult = { code: 0, out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (result.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (result.err += chunk.toString()));
  child.stdin.end(stdin);
  const [code] = (await once(child, 'close')) as [number];
  return { ...result, code };
}

describe('kith without a daemon', () => {
  it('tells what it tried and ends with 3', async () => {
    const environment = { XDG_RUNTIME_DIR: folder, HOME: folder, KUBECONFIG: path.join(folder, 'none') };
    const { code, out, err } = await program(['get', 'pods'], environment);
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err).toMatch(/^error: no Kith daemon found\. Tried:\n/);
    expect(err).toContain('KITH_SOCKET is not set');
    expect(err).toContain(`no kubeconfig at ${path.join(folder, 'none')}`);
    expect(err).toContain('Start one with "kithd"');
    const silent = await program(['--socket', path.join(folder, 'no.sock'), 'get', 'pods'], environment);
    expect(silent.code).toBe(3);
    expect(silent.err).toBe(`error: no Kith daemon answers at ${path.join(folder, 'no.sock')} (ENOENT): is kithd running there?\n`);
  });
});

describe('kith', () => {
  const peers = realPeers(1, 'cli');

  it('ends with 2 and says why when the command line is wrong', async () => {
    const cases: [string[], RegExp][] = [
      [['get', 'pods', '--bogus'], /unknown option '--bogus'/],
      [['bogus'], /unknown command 'bogus'/],
      [['get'], /missing required argument 'what'/],
      [['apply'], /required option '-f, --filename <file\.\.\.>' not specified/],
      [['get', 'pods', '-o', 'xml'], /-o xml: expected wide, yaml, json, name, jsonpath=TEMPLATE or custom-columns/],
      [['get', 'bogus'], /the server doesn't have a resource type "bogus"\. The kinds are: .*pods \(po\)/],
      [['scale', 'rc/x', '--replicas=-1'], /--replicas=-1: expected a whole number/],
      [['scale', 'pod/x', '--replicas=1'], /pods can't be scaled/],
      [['delete', 'pods'], /delete pods: say which: a name, -l LABELS or --all/],
      [['logs'], /say which pod/],
      [['logs', 'x', '--tail=many'], /--tail=many: expected a whole number/],
      [['--server', 'http://127.0.0.1', 'get', 'pods'], /--server http:\/\/127\.0\.0\.1: expected https:\/\/HOST:PORT/],
      [['apply', '-f', path.join(folder, 'nowhere.yaml')], /the path ".*nowhere\.yaml" does not exist/],
    ];
    for (const [words, message] of cases) {
      const { code, out, err } = await peers.command(0, words);
      expect({ words, code, out }).toEqual({ words, code: 2, out: '' });
      expect(err).toMatch(message);
    }
  });

  it('has help with an example for every command', async () => {
    const { out } = await peers.command(0, ['--help']);
    const names = [...out.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = '']) => name).filter((name) => name !== 'help' && name !== 'kith');
    expect(names).toEqual(expect.arrayContaining(['apply', 'create', 'get', 'describe', 'delete', 'logs', 'scale', 'peers', 'token']));
    for (const name of names) {
      const help = await peers.command(0, [name, '--help']);
      expect({ name, code: help.code }).toEqual({ name, code: 0 });
      expect(help.out).toMatch(/Examples?:\n +(\S.* \| )?kith(d --join)? /);
    }
  });

  it('says in Kubernetes words that something is not there', async () => {
    for (const words of [
      ['get', 'pod', 'ghost'],
      ['describe', 'pod', 'ghost'],
      ['logs', 'ghost'],
      ['label', 'pod', 'ghost', 'a=b'],
    ]) {
      expect(await peers.command(0, words)).toEqual({ code: 1, out: '', err: 'Error from server (NotFound): pods "ghost" not found\n' });
    }
    const deleted = await peers.command(0, ['delete', 'deployment', 'ghost']);
    expect(deleted.code).toBe(1);
    expect(deleted.err).toMatch(/^Error from server \(NotFound\): deployments\.apps "ghost" not found\n/);
    expect(await peers.command(0, ['delete', 'pod', 'ghost', '--ignore-not-found'])).toEqual({ code: 0, out: '', err: '' });
    expect(await peers.command(0, ['get', 'pod', 'ghost', '--ignore-not-found'])).toEqual({ code: 0, out: '', err: '' });
  });

  const pod = (body: string): string => `apiVersion: v1\nkind: Pod\nmetadata:\n  name: bad\nspec:\n${body}`;
  const bombs = Array.from({ length: 9 }, (_, level) => `  l${level + 1}: &l${level + 1} [${Array(10).fill(`*l${level}`).join(', ')}]\n`);
  const mistakes: [string, string, number | undefined, RegExp][] = [
    [
      'unknown-field',
      pod('  containers:\n  - name: a\n    image: busybox\n    imagee: oops\n'),
      9,
      /unknown field "spec\.containers\[0\]\.imagee"/,
    ],
    ['wrong-type', pod('  containers:\n  - name: a\n    image: busybox\n    args: 7\n'), 9, /args/],
    [
      'bad-quantity',
      pod('  containers:\n  - name: a\n    image: busybox\n    resources:\n      requests:\n        cpu: lots\n'),
      11,
      /quantit/,
    ],
    ['duplicate-key', pod('  containers:\n  - name: a\n    image: busybox\n    image: nginx\n'), 9, /found duplicate key "image"/],
    [
      'long-name',
      `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${'a'.repeat(254)}\nspec:\n  containers:\n  - name: a\n    image: b\n`,
      4,
      /253/,
    ],
    ['no-image', pod('  containers:\n  - name: a\n'), 7, /spec\.containers\[0\]\.image: Required value/],
    ['broken', 'apiVersion: v1\nkind: [Pod\n', 3, /error parsing YAML/],
    ['no-kind', 'a: 1\n', 1, /apiVersion and kind are needed/],
    ['other-kind', 'apiVersion: v1\nkind: Podd\nmetadata:\n  name: x\n', 1, /no matches for kind "Podd" in version "v1"/],
    [
      'bomb',
      `apiVersion: v1\nkind: Pod\nmetadata:\n  name: bomb\nspec:\n  l0: &l0 [x]\n${bombs.join('')}`,
      undefined,
      /more than 500000 values|levels deep/,
    ],
    ['large', `apiVersion: v1\nkind: Pod\nmetadata:\n  name: big\n# ${'x'.repeat(10 * 1024 * 1024)}\n`, undefined, /larger than 3 MiB/],
  ];
  for (const [name, text, line, message] of mistakes) {
    it(`refuses the manifest ${name}.yaml with its place, and does nothing`, async () => {
      const file = manifest(`${name}.yaml`, text);
      const began = Date.now();
      const { code, out, err } = await peers.command(0, ['apply', '-f', file]);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toContain(line === undefined ? file : `${file}:${line}`);
      expect(err).toMatch(message);
      expect(err.length).toBeLessThan(2_000);
      expect(Date.now() - began).toBeLessThan(10_000);
      expect(await peers.pods(0)).toEqual([]);
    });
  }

  it('applies the good objects of a manifest although another is refused by the server', async () => {
    const text = [hello('fine', 0, 1), { ...(hello('bad', 0, 1) as object), metadata: { name: 'Bad_Name' } }].map((one) =>
      JSON.stringify(one),
    );
    const file = manifest('mixed.yaml', text.join('\n---\n'));
    const { code, out, err } = await peers.command(0, ['apply', '-f', file]);
    expect({ code, out }).toEqual({ code: 1, out: 'deployment.apps/fine created\n' });
    expect(err).toContain('1 of 2 objects failed');
    await peers.kith(0, ['delete', 'deployment', 'fine']);
  });

  it('reads standard input, and applying twice changes nothing', async () => {
    const text = JSON.stringify(hello('web', 1, 1));
    const environment = { KITH_SOCKET: peers.cluster.peer(0).socket };
    expect(await program(['apply', '-f', '-'], environment, text)).toEqual({ code: 0, out: 'deployment.apps/web created\n', err: '' });
    const [before] = await peers.list<Deployment>(0, '/apis/apps/v1/namespaces/default/deployments');
    expect(await program(['apply', '-f', '-'], environment, text)).toEqual({ code: 0, out: 'deployment.apps/web unchanged\n', err: '' });
    const [after] = await peers.list<Deployment>(0, '/apis/apps/v1/namespaces/default/deployments');
    expect(after?.metadata.generation).toBe(before?.metadata.generation);
  });

  it('keeps the scaled number of pods when the manifest does not say it', async () => {
    const { spec, ...rest } = hello('web', 1, 1) as { spec: Record<string, unknown> };
    const { replicas: _replicas, ...withoutReplicas } = spec;
    const file = manifest('web.json', JSON.stringify({ ...rest, spec: withoutReplicas }));
    await peers.kith(0, ['delete', 'deployment', 'web']);
    expect(await peers.kith(0, ['apply', '-f', file])).toBe('deployment.apps/web created\n');
    await peers.kith(0, ['scale', 'deployment', 'web', '--replicas=2']);
    expect(await peers.kith(0, ['apply', '-f', file])).toBe('deployment.apps/web unchanged\n');
    const changed = { ...rest, metadata: { name: 'web', labels: { app: 'web', tier: 'front' } }, spec: withoutReplicas };
    expect(await peers.apply(0, changed)).toBe('deployment.apps/web configured\n');
    expect(await peers.kith(0, ['get', 'deploy', 'web', '-o', 'jsonpath={.spec.replicas} {.metadata.labels.tier}'])).toBe('2 front');
    await peers.apply(0, { ...changed, metadata: { name: 'web', labels: { app: 'web' } } });
    expect(await peers.kith(0, ['get', 'deploy', 'web', '-o', 'jsonpath={.metadata.labels}'])).toBe('{"app":"web"}');
    await peers.waitReady(0, 'app=web', 2);
    await peers.kith(0, ['delete', '-f', file]);
    await waitFor('no pods', async () => (await peers.pods(0)).length === 0, { timeoutMs: PATIENCE_MS });
  });

  it('checks without storing with --dry-run, and prints what it did with -o', async () => {
    const text = JSON.stringify(counters('dry', 1));
    expect(await peers.kith(0, ['apply', '--dry-run', 'server', '-f', '-'], text)).toBe(
      'replicationcontroller/dry created (server dry run)\n',
    );
    expect((await peers.command(0, ['get', 'rc', 'dry'])).code).toBe(1);
    expect(await peers.kith(0, ['create', '-o', 'name', '-f', '-'], JSON.stringify(counters('dry', 0)))).toBe(
      'replicationcontroller/dry\n',
    );
    await peers.kith(0, ['delete', 'rc', 'dry']);
  });

  it('prints versions, peers and tokens', async () => {
    expect(await peers.kith(0, ['version'])).toMatch(/^kith test\nkithd \d+\.\d+\.\d+ \(Kubernetes API v1\.\d+/);
    expect(await peers.kith(0, ['peers'])).toMatch(/cli-1 +alive \(asked\) +\d+\w+ +yes /);
    expect(await peers.kith(0, ['token', '--ttl', '10m'])).toMatch(/^kith1\.[\w-]+\n$/);
    expect(await peers.command(0, ['token', '--ttl', 'soon'])).toMatchObject({
      code: 2,
      err: 'error: --ttl=soon: expected a duration such as 10s, 5m, 1h30m\n',
    });
  });
});
