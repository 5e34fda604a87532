import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enterCluster } from '../../daemon/app/cluster.ts';
import { makeFolder, prepareDataFolder } from '../../daemon/app/data-folder.ts';
import { requireFreeAddresses } from '../../daemon/app/free-addresses.ts';
import { systemClock } from '../../daemon/adapters/system/clock.ts';
import { fakeIdentity } from '../support/liveness-world.ts';
import { silentLog } from '../support/silent-log.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(path.join(tmpdir(), 'kith-folder-'))));
afterEach(async () => rm(folder, { recursive: true }));

describe('the data folder', () => {
  it('is made, with those above it, for the daemon alone', async () => {
    const deep = path.join(folder, 'a', 'b');
    await prepareDataFolder(deep);
    await prepareDataFolder(deep);
    expect((await stat(deep)).mode & 0o777).toBe(0o700);
  });

  it.each(['file', 'file/below', 'x'.repeat(300)])('is refused in words where it can not be: %s', async (name) => {
    await writeFile(path.join(folder, 'file'), '');
    const given = path.join(folder, name);
    await expect(makeFolder(given, '--data-dir')).rejects.toThrow(`--data-dir ${given}: it can not be used: `);
  });

  it.runIf(existsSync('/proc/self'))(
    'is refused where the system lets nobody make one, and does not say so: Node tried for ever',
    async () => {
      await expect(makeFolder('/proc/x/y', '--socket')).rejects.toThrow('--socket /proc/x/y: it can not be used: ENOENT');
    },
  );

  it('is refused where it is of a member whose key is gone: with a new one nobody knew this host, and nothing could be read', async () => {
    await writeFile(path.join(folder, 'cluster.json'), '{}');
    await expect(prepareDataFolder(folder)).rejects.toThrow('its peer.key is gone');
    expect(existsSync(path.join(folder, 'peer.key'))).toBe(false);
  });

  it('becomes of no other cluster when its cluster.json is lost, or when this host could not serve', async () => {
    const member = { peerId: 'a', nodeName: 'a', peerAddresses: [], beatAddresses: [], apiAddresses: [], beatKey: '', admittedBy: '' };
    const remember = async (): Promise<void> => Promise.reject(new Error('founded'));
    const options = { dataDir: folder, token: undefined, member, signal: new AbortController().signal, remember };
    const deps = { identity: fakeIdentity('a'), clock: systemClock, log: silentLog };
    await expect(enterCluster(deps, { ...options, held: 'c1' })).rejects.toThrow(
      'holds the state of cluster c1, and its cluster.json is gone',
    );
    const before = async (): Promise<void> => Promise.reject(new Error('taken'));
    await expect(enterCluster(deps, { ...options, before })).rejects.toThrow('taken');
    await expect(enterCluster(deps, options)).rejects.toThrow('founded');
  });
});

describe('the addresses of a daemon that is no member yet', () => {
  const HOST = '127.0.0.1';
  const any = { host: HOST, port: 0 };

  it('may be free', async () => requireFreeAddresses({ peerListen: any, apiListen: any }));

  it('are refused by their flag where another program has them', async () => {
    const taken = createServer();
    await once(taken.listen(0, HOST), 'listening');
    const beats = createSocket('udp4');
    await new Promise<void>((resolve) => beats.bind(0, HOST, resolve));
    try {
      const { port } = taken.address() as AddressInfo;
      const [own, udp] = [
        { host: HOST, port },
        { host: HOST, port: beats.address().port },
      ];
      await expect(requireFreeAddresses({ peerListen: own, apiListen: any })).rejects.toThrow(
        /another program listens there; choose another with --listen/,
      );
      await expect(requireFreeAddresses({ peerListen: any, apiListen: own })).rejects.toThrow(/--api-listen/);
      await expect(requireFreeAddresses({ peerListen: udp, apiListen: any })).rejects.toThrow(/\(UDP\): another program has it/);
    } finally {
      taken.close();
      beats.close();
    }
  });
});
