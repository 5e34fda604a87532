import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { NetworkHealthChecker } from '../../../daemon/adapters/health/health-checker.ts';
import type { HealthRequest, ProbeAnswer } from '../../../daemon/ports/health.ts';

const checker = new NetworkHealthChecker();
const never = new AbortController().signal;
const servers: net.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: net.Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const get = (port: number, more: Partial<Extract<HealthRequest, { do: 'httpGet' }>> = {}): Promise<ProbeAnswer> =>
  checker.check({ do: 'httpGet', host: '127.0.0.1', port, path: '/', scheme: 'HTTP', headers: [], timeoutMs: 10_000, ...more }, never);

describe('an HTTP probe', () => {
  it('judges by the status, and sends the headers that it is given', async () => {
    const seen: http.IncomingHttpHeaders[] = [];
    const port = await listen(
      http.createServer((request, response) => {
        seen.push(request.headers);
        response.statusCode = Number(request.url?.slice(1));
        response.end('body');
      }),
    );
    const headers = [{ name: 'Host', value: 'web.example' }, ...['1', '2'].map((value) => ({ name: 'X-Try', value }))];
    expect(await get(port, { path: '/200', headers })).toEqual({ result: 'success', output: 'body' });
    expect(seen[0]).toMatchObject({ host: 'web.example', 'x-try': '1, 2', 'user-agent': 'kube-probe/1.35', accept: '*/*' });
    expect(await get(port, { path: '/399' })).toMatchObject({ result: 'success' });
    expect(await get(port, { path: '/400' })).toEqual({ result: 'failure', output: 'HTTP probe failed with statuscode: 400' });
  });

  it('follows redirects to the same host, and warns of others', async () => {
    const port = await listen(
      http.createServer((request, response) => {
        if (request.url === '/here') response.writeHead(302, { location: '/there' });
        else if (request.url === '/away') response.writeHead(302, { location: 'http://192.0.2.1/' });
        else response.statusCode = 500;
        response.end();
      }),
    );
    expect(await get(port, { path: '/here' })).toMatchObject({ output: 'HTTP probe failed with statuscode: 500' });
    expect(await get(port, { path: '/away' })).toMatchObject({ result: 'warning' });
  });

  it('says why there is no answer', async () => {
    const closed = await freePort();
    const refused = `Get "http://127.0.0.1:${closed}/": dial tcp 127.0.0.1:${closed}: connect: connection refused`;
    expect(await get(closed)).toEqual({ result: 'failure', output: refused });
    const mute = await listen(net.createServer(() => undefined));
    const late = `Get "http://127.0.0.1:${mute}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
    expect(await get(mute, { timeoutMs: 300 })).toEqual({ result: 'failure', output: late });
  });
});

describe('a TCP probe', () => {
  it('succeeds when the connection opens', async () => {
    const port = await listen(net.createServer(() => undefined));
    const ask = (to: number) => checker.check({ do: 'tcpSocket', host: '127.0.0.1', port: to, timeoutMs: 10_000 }, never);
    expect(await ask(port)).toMatchObject({ result: 'success' });
    const closed = await freePort();
    expect(await ask(closed)).toEqual({ result: 'failure', output: `dial tcp 127.0.0.1:${closed}: connect: connection refused` });
  });
});

describe('a gRPC probe', () => {
  const ask = (port: number, service = '', timeoutMs = 10_000) =>
    checker.check({ do: 'grpc', host: '127.0.0.1', port, service, timeoutMs }, never);

  it('asks the health service', async () => {
    const statuses: Record<string, number> = { '': 1, sick: 2 };
    const server = http2.createServer();
    server.on('stream', (stream, headers) => {
      stream.on('data', (frame: Buffer) => {
        const service = frame.subarray(7).toString();
        const status = headers[':path'] === '/grpc.health.v1.Health/Check' ? statuses[service] : undefined;
        stream.on('wantTrailers', () =>
          stream.sendTrailers({ 'grpc-status': status === undefined ? '5' : '0', 'grpc-message': 'unknown%20service' }),
        );
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.end(status === undefined ? undefined : Buffer.from([0, 0, 0, 0, 2, 8, status]));
      });
    });
    const port = await listen(server);
    expect(await ask(port)).toMatchObject({ result: 'success' });
    expect(await ask(port, 'sick')).toEqual({ result: 'failure', output: 'service unhealthy (responded with "NOT_SERVING")' });
    const none = 'error: health rpc probe failed: rpc error: code = NotFound desc = unknown service';
    expect(await ask(port, 'none')).toEqual({ result: 'failure', output: none });
  });

  it('says why there is no answer', async () => {
    const closed = await freePort();
    expect((await ask(closed)).output).toMatch(
      /^error: failed to connect service at "127\.0\.0\.1:\d+": dial tcp .*: connect: connection refused$/,
    );
    const mute = await listen(net.createServer(() => undefined));
    expect(await ask(mute, '', 300)).toMatchObject({
      result: 'failure',
      output: expect.stringMatching(/^timeout: .* within 0\.3s/) as string,
    });
  });
});
