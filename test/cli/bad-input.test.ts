import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Terminal } from '../../cli/context.ts';
import { runKith } from '../../cli/program.ts';
import { readAllText } from '../../cli/reading.ts';

let folder: string;
let server: http.Server;
let asked: string[];
let said: string;
let stop: AbortController;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-cli-'));
  server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (request.url?.endsWith('/missing')) response.statusCode = 404;
    response.setHeader('content-type', 'application/json').end('{"items":[],"reason":"NotFound"}');
  });
  await new Promise<void>((resolve) => server.listen(path.join(folder, 's'), resolve));
});
beforeEach(() => ([asked, said, stop] = [[], '', new AbortController()]));
afterEach(() => expect(said).not.toMatch(/^\s+at /m));
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

async function kith(...words: string[]): Promise<number> {
  const say = (text: string): void => void (said += text);
  const environment = { KITH_SOCKET: path.join(folder, 's') };
  return runKith(words, { out: say, err: say, signal: stop.signal, environment, uid: 1 } as unknown as Terminal, '0');
}

async function file(text: string | Uint8Array): Promise<string> {
  const name = path.join(folder, 'x.yaml');
  await writeFile(name, text);
  return name;
}

describe('a command line that could mean more than was meant is refused before anything is asked', () => {
  it.each<[string[], string]>([
    // An empty word is what a shell makes of a variable that is not set.
    [['delete', 'pods', ''], 'resource name may not be empty'],
    [['delete', 'pods', '-l', ''], 'say which: a name, -l LABELS or --all'],
    [['delete', 'pod', '..'], `invalid resource name "..": it may not be '..'`],
    [['delete', 'pod', 'x', '-n', '..'], `invalid namespace "..": it may not be '..'`],
    [['get', 'pod', '%2e%2e'], "it may not contain '%'"],
    [['delete', 'pods', 'x', '-l', 'a=b'], 'name cannot be provided when a selector is specified'],
    [['delete', 'pods', 'x', '--all'], 'name cannot be provided when a selector is specified'],
    [['delete', 'pods', '--all', '-l', 'a=b'], "setting 'all' parameter but found a non empty selector"],
    [['delete', 'pod', 'x', '--grace-period='], '--grace-period=: expected a whole number'],
    [['delete', 'pod', 'x', '--cascade=no'], "argument 'no' is invalid"],
    [['label', 'pods', '-l', '', 'a=b'], 'a name, -l LABELS or --all'],
    [['label', 'pod', 'x', '=b'], '=b: expected KEY=VALUE'],
    [['label', 'pod', 'x', '--', '-'], '-: expected KEY=VALUE'],
    [['get', 'pods', 'x', '-A'], 'a resource cannot be retrieved by name across all namespaces'],
    [['get', 'pods', 'x', '--field-selector', 'a=b'], 'name cannot be provided when a selector is specified'],
    [['describe', 'pod', ''], 'resource name may not be empty'],
    [['cordon', 'pod/x'], 'pod/x: expected the name of a node'],
    [['drain', ''], 'resource name may not be empty'],
    [['logs', ''], 'resource name may not be empty'],
    [['exec', '', '--', 'ls'], 'resource name may not be empty'],
    [['scale', 'deploy/x', '--replicas=1', '--current-replicas=x'], '--current-replicas=x: expected a whole number'],
    [['peers', '-o', 'yaml'], "argument 'yaml' is invalid"],
    [['port-forward', 'x', '80', '--address', ''], 'an address is empty'],
    [['port-forward', 'x', '80', '--address', 'localhost,'], 'an address is empty'],
    [['run', 'x', '--image=x', '--port=1e3'], '--port=1e3: expected a number from 1 to 65535'],
    [['kubeconfig', '--user', ''], '"" is no name of a user'],
    [['user', 'add', 'a,b'], '"a,b" is no name of a user'],
    [['user', 'add', 'ann', '--group', ''], '"" is no name of a user'],
    [['apply', '-f', 'x', '--dry-run=clien'], "argument 'clien' is invalid"],
    [['apply', '-f', 'x', '--validate=no'], "argument 'no' is invalid"],
    [['get', 'pods', '--no-headers=maybe'], "unknown option '--no-headers=maybe'"],
  ])('%j: %s', async (words, why) => {
    expect(await kith(...words)).toBe(2);
    expect(said).toContain(why);
    expect(asked).toEqual([]);
  });

  it.each<[string[], string]>([
    [['get', 'pods', '-o', 'custom-columns=A'], 'unexpected custom-columns spec: A'],
    [['get', 'pods', '-o', 'custom-columns='], 'no custom columns given'],
    [['get', 'pods', '-o', 'custom-columns=A:{.a'], 'expected a path such as'],
    [['get', 'pods', '-o', 'jsonpath='], 'no template given'],
    [['get', 'pods', '-o', 'jsonpath={.a'], 'unclosed {'],
    [['get', 'pods', '-o', 'go-template={{.a}}'], 'expected wide, yaml, json, name, jsonpath=TEMPLATE or custom-columns'],
    [['get', 'pods', '--sort-by', '.['], 'jsonpath ".["'],
    [['get', 'pods', '-w', '--sort-by', '.a'], '--sort-by can not go with --watch'],
  ])('so is output that can not be had: %j', async (words, why) => {
    expect(await kith(...words)).toBe(2);
    expect(said).toContain(why);
    expect(asked).toEqual([]);
  });

  it('and an empty word is no kind, also where the server knows kinds without a singular', async () => {
    expect(await kith('get', '')).toBe(2);
    expect(said).toContain(`the server doesn't have a resource type ""`);
  });
});

describe('a manifest that does not say which object it is', () => {
  const HEAD = 'apiVersion: v1\nkind: ConfigMap\n';
  it.each([
    ['metadata: {name: 5}', ':3: metadata.name has to be text, not 5: put it in quotes'],
    ['metadata: {name: [a]}', ':3: metadata.name has to be text, not ["a"]'],
    ['metadata: {name: x, namespace: true}', ':3: metadata.namespace has to be text, not true'],
    ['metadata: []', ':3: metadata has to be an object'],
    ['metadata: {generateName: x-}', 'metadata.name is needed'],
    ['metadata: {name: ""}', 'metadata.name is needed'],
    ['', 'metadata.name is needed'],
  ])('%j is refused by apply and delete', async (text, why) => {
    const name = await file(`${HEAD}${text}\n`);
    for (const verb of ['apply', 'delete']) {
      said = '';
      expect(await kith(verb, '-f', name)).toBe(1);
      expect(said).toContain(why);
    }
    expect(asked).toEqual([]);
  });

  it('goes to the namespace of the command line where its own is empty', async () => {
    await kith('delete', '-f', await file(`${HEAD}metadata: {name: x, namespace: ""}\n`), '-n', 'shop', '--no-wait');
    expect(asked).toEqual(['DELETE /api/v1/namespaces/shop/configmaps/x']);
  });
});

it('a file in another encoding is refused: its letters would be stored as others', async () => {
  expect(await kith('apply', '-f', await file(Buffer.from('# caf\xe9', 'latin1')))).toBe(1);
  expect(said).toContain('is no UTF-8 text');
});

describe('what never ends', () => {
  it('is not waited for in a folder of manifests: a pipe', async () => {
    const manifests = path.join(folder, 'manifests');
    await mkdir(manifests);
    execFileSync('mkfifo', [path.join(manifests, 'pipe.yaml')]);
    expect(await kith('apply', '-f', manifests)).toBe(2);
    expect(said).toContain('pipe.yaml is no file');
  });

  it('is not waited for: changes of what is not there', async () => {
    expect(await kith('get', 'pod', 'missing', '-w')).toBe(1);
    expect(said).toContain('Error from server (NotFound)');
  });

  it('is refused: a device', async () => {
    expect(await kith('apply', '-f', '/dev/zero')).toBe(1);
    expect(said).toContain('/dev/zero has more than 64 MiB, or no end');
  });

  it('is waited for until it is interrupted: a pipe to which nobody writes', async () => {
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const done = kith('apply', '-f', pipe);
    stop.abort();
    expect(await done).toBe(1);
  });

  it('is waited for until it is interrupted: standard input', async () => {
    const silent = Object.assign(
      (async function* () {
        await new Promise((_, reject) => (silent.destroy = reject));
        yield new Uint8Array();
      })(),
      { destroy: (_error?: Error): void => undefined },
    );
    const done = readAllText(silent, 'standard input', stop.signal);
    stop.abort();
    await expect(done).rejects.toThrow('interrupted');
  });
});

describe('words that kubectl takes', () => {
  it.each<[string[], string]>([
    [['get', 'pods', '-n=shop', '-l=app=web', '--no-headers=true'], 'GET /api/v1/namespaces/shop/pods?labelSelector=app%3Dweb'],
    [['get', 'pods', '-n', ''], 'GET /api/v1/namespaces/default/pods'],
    [['get', 'pods', '-A=true', '-w=false'], 'GET /api/v1/pods'],
    [['delete', 'pod', 'x', '--wait=false', '--ignore-not-found=true'], 'DELETE /api/v1/namespaces/default/pods/x'],
    [['cordon', 'node/n1'], 'GET /api/v1/nodes/n1'],
  ])('%j are understood', async (words, request) => {
    await kith(...words);
    expect(asked[0]).toBe(request);
  });
});
