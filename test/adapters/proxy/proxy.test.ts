import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { UserSpaceProxy } from '../../../daemon/adapters/proxy/proxy.ts';
import { socketStream } from '../../../daemon/adapters/socket/socket-stream.ts';
import { systemClock } from '../../../daemon/adapters/system/clock.ts';
import type { ChooseTarget, ProxyFront, ProxyTarget } from '../../../daemon/ports/service-proxy.ts';
import { waitFor } from '../../support/wait.ts';

/** Addresses of this test run: other runs on this machine have others. */
const base = `127.97.${(process.pid >> 8) & 255}.`;
let next = process.pid & 127;
const address = (): string => `${base}${(next = (next + 1) % 250) + 1}`;
const PORT = 18_080;
const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

/** Answers its name, then echoes; ends when the client has ended. */
async function pod(name: string): Promise<{ target: ProxyTarget; server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(`${name}\n`);
    socket.on('data', (bytes) => socket.write(bytes));
    socket.on('end', () => socket.end('bye'));
  });
  const ip = address();
  server.listen(PORT, ip);
  await once(server, 'listening');
  ends.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { target: { id: name, ip, port: PORT, node: 'node-1', podUid: name }, server, sockets };
}

function proxy(options: { far?: (target: ProxyTarget) => boolean; relayed?: string[] } = {}): UserSpaceProxy {
  return new UserSpaceProxy({
    clock: systemClock,
    isNear: async (target) => options.far?.(target) !== true,
    relay: async (node, { podUid }) => {
      options.relayed?.push(`${node}/${podUid}`);
      const target = targets.find(({ id }) => id === podUid);
      const socket = connect({ host: target?.ip, port: PORT, allowHalfOpen: true });
      await once(socket, 'connect');
      return socketStream(socket);
    },
  });
}

let targets: ProxyTarget[] = [];

async function front(of: UserSpaceProxy, host: string, choose: ChooseTarget, protocol: 'TCP' | 'UDP' = 'TCP'): Promise<ProxyFront> {
  const opened = of.open({ protocol, host, port: PORT }, choose);
  ends.push(() => opened.close());
  await waitFor('the front listens', async () => opened.trouble === undefined);
  return opened;
}

function inTurn(list: readonly ProxyTarget[]): ChooseTarget {
  let turn = 0;
  return (_client, tried) => {
    const open = list.filter(({ id }) => !tried.has(id));
    return open[turn++ % Math.max(1, open.length)];
  };
}

/** All that comes until the end; rejects on a reset. */
async function talk(host: string, say?: string): Promise<string> {
  const socket = connect({ host, port: PORT });
  socket.end(say ?? '');
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

describe('the proxy of services', () => {
  it('passes connections on, each direction to its end, and takes another endpoint for one that refuses', async () => {
    const [one, two] = [await pod('one'), await pod('two')];
    const refusing = { ...one.target, id: 'refusing', ip: address() };
    const host = address();
    const others = inTurn([one.target, two.target]);
    await front(proxy(), host, (client, tried) => (tried.size === 0 ? refusing : others(client, tried)));
    const answers = [await talk(host, 'ping '), await talk(host, 'ping '), await talk(host, 'ping ')];
    expect(answers).toEqual(['one\nping bye', 'two\nping bye', 'one\nping bye']);
  });

  it('resets a client that nobody takes, at once', async () => {
    const host = address();
    await front(proxy(), host, () => undefined);
    await expect(talk(host)).rejects.toThrow('ECONNRESET');
  });

  it('ends connections to a pod that is gone, and keeps others', async () => {
    const [one, two] = [await pod('one'), await pod('two')];
    const host = address();
    const opened = await front(proxy(), host, inTurn([one.target, two.target]));
    const clients = [connect({ host, port: PORT }), connect({ host, port: PORT })];
    for (const client of clients) {
      client.on('error', () => undefined);
      ends.push(() => client.destroy());
    }
    const names = await Promise.all(clients.map(async (client) => String((await once(client, 'data'))[0]).trim()));
    const lost = clients[names.indexOf('one')]!;
    const closed = new Promise((resolve) => lost.once('close', resolve));
    opened.keepOnly(new Set(['two']));
    await closed;
    const kept = clients[names.indexOf('two')]!;
    const answered = once(kept, 'data');
    kept.write('still there');
    expect(String((await answered)[0])).toBe('still there');
  });

  it('takes an address over when its holder is gone', async () => {
    const one = await pod('one');
    const host = address();
    const first = await front(proxy(), host, inTurn([one.target]));
    const second = proxy().open({ protocol: 'TCP', host, port: PORT }, inTurn([one.target]));
    ends.push(() => second.close());
    await waitFor('the second waits', async () => second.trouble?.includes('another process') === true);
    first.close();
    await waitFor('the second listens', async () => second.trouble === undefined);
    expect(await talk(host)).toBe('one\nbye');
  });

  it('reaches a pod of another machine through the peer that runs it', async () => {
    const one = await pod('one');
    targets = [one.target];
    const relayed: string[] = [];
    const host = address();
    await front(proxy({ far: () => true, relayed }), host, inTurn(targets));
    expect(await talk(host, 'x'.repeat(200_000))).toBe(`one\n${'x'.repeat(200_000)}bye`);
    expect(relayed).toEqual(['node-1/one']);
  });

  it('passes datagrams to an endpoint of this machine, and answers back', async () => {
    const server = createSocket('udp4');
    const ip = address();
    server.bind(PORT, ip);
    await once(server, 'listening');
    server.on('message', (bytes, from) => server.send(`echo ${String(bytes)}`, from.port, from.address));
    const near: ProxyTarget = { id: 'near', ip, port: PORT, node: 'node-1' };
    const far: ProxyTarget = { ...near, id: 'far', ip: '192.0.2.1' };
    const host = address();
    await front(proxy({ far: ({ id }) => id === 'far' }), host, inTurn([far, near]), 'UDP');
    const client = createSocket('udp4');
    ends.push(() => (client.close(), server.close()));
    const answer = once(client, 'message');
    client.send('hello', PORT, host);
    expect(String((await answer)[0])).toBe('echo hello');
  });

  it('survives an endpoint to which the kernel leads no datagram, and goes on with the others', async () => {
    const server = createSocket('udp4');
    const ip = address();
    server.bind(PORT, ip);
    await once(server, 'listening');
    server.on('message', (bytes, from) => server.send(`echo ${String(bytes)}`, from.port, from.address));
    // EACCES: only who says so beforehand may send to all.
    const targets = [
      { id: 'all', ip: '255.255.255.255', port: PORT, node: 'node-1' },
      { id: 'good', ip, port: PORT, node: 'node-1' },
    ];
    const host = address();
    await front(proxy(), host, inTurn(targets), 'UDP');
    const client = createSocket('udp4');
    ends.push(() => (client.close(), server.close()));
    const answer = once(client, 'message');
    client.send('lost', PORT, host);
    await new Promise((resolve) => setTimeout(resolve, 200));
    client.send('hello', PORT, host);
    expect(String((await answer)[0])).toBe('echo hello');
  });
});
