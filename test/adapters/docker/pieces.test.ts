import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { chooseApi, EngineClient, jsonLines } from '../../../daemon/adapters/docker/client.ts';
import { containerConfig, sandboxConfig } from '../../../daemon/adapters/docker/configuration.ts';
import { splitReference } from '../../../daemon/adapters/docker/images.ts';
import { logChunks, parseTime } from '../../../daemon/adapters/docker/logs.ts';
import { containerLabels, containerName, isOurs } from '../../../daemon/adapters/docker/names.ts';
import { pauseBinary } from '../../../daemon/adapters/docker/pause.ts';
import { tarFile, tarFolder, writeTar } from '../../../daemon/adapters/docker/tar.ts';
import type { ContainerSecurity } from '../../../daemon/ports/runtime.ts';
import { containerStart, podSpec } from '../../acceptance/runtime-specs.ts';
import { Readable } from 'node:stream';

const owner = { clusterId: 'c', nodeName: 'n' };

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

describe('pause program', () => {
  // Disassembled and run by hand when these were taken.
  it.each([
    ['amd64', 164, '54a6da3072626c0b'],
    ['arm64', 192, '3deb987a31bce7e2'],
  ] as const)('for %s is these %i bytes', (architecture, size, digest) => {
    const binary = pauseBinary(architecture);
    expect(binary.length).toBe(size);
    expect(createHash('sha256').update(binary).digest('hex').slice(0, 16)).toBe(digest);
  });
});

describe('tar archives', () => {
  it('are read by tar, with modes, folders and long paths', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kith-tar-'));
    try {
      const long = `${'a'.repeat(60)}/${'b'.repeat(60)}`;
      const entries = [
        tarFolder('dir', 0o750),
        tarFile('dir/run.sh', Buffer.from('#!/bin/sh\n'), 0o755),
        tarFile(long, Buffer.alloc(1_000, 'x')),
      ];
      await writeFile(join(folder, 'a.tar'), Buffer.concat(await all(writeTar(entries))));
      await promisify(execFile)('tar', ['-C', folder, '-xf', join(folder, 'a.tar')]);
      expect((await stat(join(folder, 'dir', 'run.sh'))).mode & 0o777).toBe(0o755);
      expect(await readFile(join(folder, 'dir', 'run.sh'), 'utf8')).toBe('#!/bin/sh\n');
      expect(await readFile(join(folder, long), 'utf8')).toBe('x'.repeat(1_000));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('are refused when a file is not as long as it said', async () => {
    const entry = { path: 'x', mode: 0o644, content: { type: 'file' as const, size: 5, bytes: [new Uint8Array(4)] } };
    await expect(all(writeTar([entry]))).rejects.toThrow('4 bytes');
  });
});

describe('versions of the API', () => {
  it.each([
    ['1.41', '1.12', '1.41'],
    ['1.52', '1.24', '1.47'],
    ['1.55', '1.50', '1.50'],
    ['1.9', '1.0', undefined],
    ['1.40', '1.12', undefined],
    ['', '', undefined],
  ])('an engine of %s, at least %s, is asked in %s', (newest, oldest, chosen) => {
    expect(chooseApi(newest, oldest)).toBe(chosen);
  });

  it('an address of no known kind is refused, and one where nobody is fails at once', async () => {
    expect(() => new EngineClient('ssh://host')).toThrow(/unix:\/\/\/PATH/);
    await expect(new EngineClient('/nowhere/docker.sock').version()).rejects.toMatchObject({ code: 'RuntimeUnavailable' });
    await expect(new EngineClient('tcp://127.0.0.1:1').version()).rejects.toMatchObject({ code: 'RuntimeUnavailable' });
  });
});

describe('log streams', () => {
  const time = '2026-01-02T03:04:05.123456789Z';
  const framed = Buffer.concat([
    frame(1, `${time} first\n`),
    frame(2, `${time} bäd\n`),
    frame(1, `${time} long `),
    frame(2, `${time} between\n`),
    frame(1, `${time} line\n`),
    frame(1, `${time} \n`),
    frame(1, `${time} unended`),
  ]);

  it.each([1, 3, 7, 1_000])('come out as lines when they arrive in pieces of %i bytes', async (size) => {
    const chunks = await all(logChunks(inPieces(framed, size), false));
    expect(chunks.map((chunk) => [chunk.stream, new TextDecoder().decode(chunk.line)])).toEqual([
      ['stdout', 'first'],
      ['stderr', 'bäd'],
      ['stderr', 'between'],
      ['stdout', 'long line'],
      ['stdout', ''],
      ['stdout', 'unended'],
    ]);
    expect(chunks[0]?.at).toBeCloseTo(Date.UTC(2026, 0, 2, 3, 4, 5, 123) + 0.456789, 3);
  });

  it('of a terminal have no frames, and lines end with CR LF', async () => {
    const text = Buffer.from(`${time} one\r\n${time} two\r\n`);
    const chunks = await all(logChunks(inPieces(text, 5), true));
    expect(chunks.map((chunk) => new TextDecoder().decode(chunk.line))).toEqual(['one', 'two']);
  });

  it('of a terminal that never ends its line come out in pieces, in time', async () => {
    const text = Buffer.concat([Buffer.from(`${time} `), Buffer.alloc(16 * 1024 * 1024, 'x'), Buffer.from(`\r\n${time} two\r\n`)]);
    const began = performance.now();
    const chunks = await all(logChunks(inPieces(text, 16 * 1024), true));
    const sizes = chunks.map(({ line }) => line.byteLength);
    expect(Math.max(...sizes)).toBeLessThan(2 * 1024 * 1024);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(16 * 1024 * 1024 + 'two'.length);
    expect(new TextDecoder().decode(chunks.at(-1)?.line)).toBe('two');
    expect(new Set(chunks.map(({ at }) => at)).size).toBe(1);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('times that are none are not taken for some', () => {
    expect(parseTime('nonsense')).toBeNaN();
    expect(parseTime('1969-12-31T23:59:59Z')).toBe(-1000);
  });
});

describe('names and configuration', () => {
  it('a container is ours by labels and name together', () => {
    const labels = containerLabels(owner, podSpec(1), { container: 'main', attempt: 0, image: 'image' });
    const name = `/${containerName(labels)}`;
    expect(isOurs(owner, labels, [name])).toBe(true);
    expect(isOurs(owner, labels, ['/other'])).toBe(false);
    expect(isOurs({ ...owner, nodeName: 'm' }, labels, [name])).toBe(false);
    expect(containerName({ ...labels, 'kith.dev/attempt': '1' })).not.toBe(name.slice(1));
    expect(name).toMatch(/^\/[a-zA-Z0-9][a-zA-Z0-9_.-]+$/);
  });

  it('images are named with a tag always', () => {
    expect(splitReference('host:5000/a/b')).toEqual({ name: 'host:5000/a/b', tag: 'latest' });
    expect(splitReference('a:1')).toEqual({ name: 'a', tag: '1' });
    expect(splitReference('a@sha256:00')).toEqual({ name: 'a', tag: 'sha256:00' });
  });

  it('the engine never restarts anything, and no bound is set that nobody asked for', () => {
    const config = containerConfig(owner, containerStart(podSpec(1), 'i', ':'), { sandboxId: 'sandbox' }, '/f') as {
      HostConfig: Record<string, unknown>;
    };
    expect(config.HostConfig).toMatchObject({ RestartPolicy: { Name: 'no' }, CpuShares: 2, NetworkMode: 'container:sandbox' });
    expect(config.HostConfig).not.toHaveProperty('Memory');
    expect(config.HostConfig).not.toHaveProperty('CpuQuota');
  });

  it('what is to go first when there is no memory left is told, and what is to go last is not: not every engine may do that', () => {
    const scored = (oomScoreAdj: number): object =>
      (
        containerConfig(owner, { ...containerStart(podSpec(1), 'i', ':'), oomScoreAdj }, { sandboxId: 's' }, undefined) as {
          HostConfig: object;
        }
      ).HostConfig;
    expect(scored(1000)).toHaveProperty('OomScoreAdj', 1000);
    expect(scored(-997)).not.toHaveProperty('OomScoreAdj');
  });

  it('what a container may do is told the engine, and nothing that was not said', () => {
    const hostOf = (security?: ContainerSecurity): object =>
      (containerConfig(owner, containerStart(podSpec(1), 'i', ':', { security }), { sandboxId: 's' }, undefined) as { HostConfig: object })
        .HostConfig;
    const all: ContainerSecurity = { seccomp: 'unconfined', appArmor: 'mine', noNewPrivileges: true, readOnlyRoot: true, groups: [7] };
    expect(hostOf({ ...all, addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] })).toMatchObject({
      SecurityOpt: ['no-new-privileges', 'seccomp=unconfined', 'apparmor=mine'],
      ReadonlyRootfs: true,
      GroupAdd: ['7'],
      CapAdd: ['NET_ADMIN'],
      CapDrop: ['ALL'],
    });
    expect(hostOf({ privileged: true, hostProcesses: true, hostIpc: true })).toMatchObject({
      Privileged: true,
      PidMode: 'host',
      IpcMode: 'host',
    });
    for (const name of ['SecurityOpt', 'Privileged', 'CapAdd', 'CapDrop', 'ReadonlyRootfs', 'PidMode', 'GroupAdd'])
      expect(hostOf()).not.toHaveProperty(name);
  });

  it('how mounts on the host reach a container is said where it is asked for only: the engine takes what its own folder is part of in no private way', () => {
    const mount = { hostPath: '/', mountPath: '/host', readOnly: false };
    const mountsOf = (propagation: 'private' | 'rslave' | 'rshared') => {
      const start = containerStart(podSpec(1), 'i', ':', { mounts: [{ ...mount, propagation }] });
      return (containerConfig(owner, start, { sandboxId: 's' }, undefined) as { HostConfig: { Mounts: object[] } }).HostConfig.Mounts;
    };
    const plain = { Type: 'bind', Source: '/', Target: '/host', ReadOnly: false };
    expect(mountsOf('private')).toEqual([plain]);
    expect(mountsOf('rslave')).toEqual([{ ...plain, BindOptions: { Propagation: 'rslave' } }]);
    expect(mountsOf('rshared')).toEqual([{ ...plain, BindOptions: { Propagation: 'rshared' } }]);
  });

  it('a pod in the network of its host bears its name and publishes nothing; one whose containers see each other has somebody who buries orphans', () => {
    const ports = [{ containerPort: 80, hostPort: 80 }];
    const onHost = {
      ...podSpec(1),
      hostname: 'a',
      spec: { containers: [{ name: 'main', ports }], hostNetwork: true, shareProcessNamespace: true },
    };
    const sandbox = sandboxConfig(owner, onHost, 'p', { network: 'host' }) as { HostConfig: object };
    expect(sandbox.HostConfig).toMatchObject({ NetworkMode: 'host', UTSMode: 'host', PortBindings: {}, Init: true });
    expect(sandbox).not.toHaveProperty('Hostname');
    const joined = (pod: object, security = {}): object =>
      (
        containerConfig(owner, { ...containerStart({ ...podSpec(1), ...pod }, 'i', ':'), security }, { sandboxId: 's' }, '/f') as {
          HostConfig: object;
        }
      ).HostConfig;
    expect(joined(onHost)).toMatchObject({ NetworkMode: 'container:s', UTSMode: 'host', PidMode: 'container:s' });
    expect(joined(onHost, { hostProcesses: true })).toMatchObject({ PidMode: 'host' });
    expect(joined({})).not.toHaveProperty('PidMode');
    expect(joined({})).not.toHaveProperty('UTSMode');
  });

  it('the resolver, the lines of /etc/hosts and the full host name go to who holds the network, and to nobody who joins it', () => {
    const dns = { nameservers: ['10.42.7.1'], searches: ['d.svc.x'], options: ['ndots:5'], fromNode: true } as const;
    const hostAliases = [{ ip: '10.0.0.9', hostnames: ['db', 'db.example'] }];
    const pod = { ...podSpec(1), hostname: 'a', domain: 'b.d.svc.x', dns, spec: { containers: [], hostAliases } };
    const start = containerStart(pod, 'i', ':');
    const names = {
      Dns: ['10.42.7.1'],
      DnsSearch: ['d.svc.x'],
      DnsOptions: ['ndots:5'],
      ExtraHosts: ['db:10.0.0.9', 'db.example:10.0.0.9'],
    };
    const whole = { Hostname: 'a', Domainname: 'b.d.svc.x', HostConfig: names };
    expect(containerConfig(owner, start, { network: 'n', address: '10.42.7.2' }, '/f')).toMatchObject(whole);
    expect(sandboxConfig(owner, pod, 'p', { network: 'n', address: '10.42.7.2' })).toMatchObject(whole);
    expect(JSON.stringify(containerConfig(owner, start, { sandboxId: 's' }, '/f'))).not.toMatch(/Dns|ExtraHosts|Hostname|Domainname/);
    // The node's own name server is not to be reached from the engine's default network; others are. No search domains at all are a dot.
    const outside = (more: object) =>
      (sandboxConfig(owner, { ...pod, ...more }, 'p', { network: 'bridge' }) as { HostConfig: object }).HostConfig;
    expect(outside({})).not.toHaveProperty('Dns');
    expect(outside({ dns: { nameservers: ['192.0.2.9'], searches: [], options: [] } })).toMatchObject({
      Dns: ['192.0.2.9'],
      DnsSearch: ['.'],
    });
  });

  it('lines of JSON are put together from any pieces', async () => {
    const text = Buffer.from('{"a":"ä"}\n\n{"b":2}');
    expect(await all(jsonLines(Readable.from(inPieces(text, 1))))).toEqual([{ a: 'ä' }, { b: 2 }]);
  });
});
