import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { TcpProber, tcpTarget } from '../../../daemon/adapters/prober/prober.ts';
import { waitFor } from '../../support/wait.ts';

async function listening(): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return { port: (server.address() as AddressInfo).port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

describe('the TCP prober', () => {
  it('tells a kernel that accepts from one that refuses', async () => {
    const server = await listening();
    const address = `/ip4/127.0.0.1/tcp/${server.port}`;
    expect(await new TcpProber().connect([address, '/ip4/127.0.0.1/udp/1'], 300)).toBe('accepted');
    await server.close();
    expect(await new TcpProber().connect([address], 300)).toBe('refused');
  });

  it('calls a frozen daemon accepted, as its kernel does, and silent once that drops connects', async () => {
    const program = "const s=require('net').createServer();s.listen({port:0,host:'127.0.0.1',backlog:1},()=>console.log(s.address().port))";
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const held: Socket[] = [];
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const port = Number(line.toString());
      const address = [`/ip4/127.0.0.1/tcp/${port}`];
      child.kill('SIGSTOP');
      expect(await new TcpProber().connect(address, 300)).toBe('accepted');
      for (let index = 0; index < 8; index += 1) held.push(connect({ port, host: '127.0.0.1' }).on('error', () => undefined));
      await waitFor('a full queue', async () => (await new TcpProber().connect(address, 200)) === 'silent');
    } finally {
      for (const socket of held) socket.destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('calls silent what has no address that works', async () => {
    expect(await new TcpProber().connect(['/dns4/no-such-host.invalid/tcp/7420'], 2_000)).toBe('silent');
    expect(await new TcpProber().connect([], 50)).toBe('silent');
  });

  it('reads TCP multiaddrs only', () => {
    expect(tcpTarget('/ip6/::1/tcp/7420/p2p/12D3')).toEqual({ host: '::1', port: 7420 });
    expect(tcpTarget('/dns4/host-1/tcp/7420')).toEqual({ host: 'host-1', port: 7420 });
    expect(tcpTarget('/ip4/10.0.0.1/udp/7420/quic-v1')).toBeUndefined();
  });
});
