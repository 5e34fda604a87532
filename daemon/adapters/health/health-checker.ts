/** Asks pods' programs how they do: an HTTP request, a TCP connection, or the gRPC health service. Keeps no connection and follows no orders of what answers. */
import { connect } from 'node:net';
import type { HealthChecker, HealthRequest, ProbeAnswer } from '../../ports/health.ts';
import { dialError } from './dial-error.ts';
import { checkGrpc } from './grpc.ts';
import { checkHttp } from './http.ts';

export class NetworkHealthChecker implements HealthChecker {
  async check(request: HealthRequest, signal: AbortSignal): Promise<ProbeAnswer> {
    signal.throwIfAborted();
    switch (request.do) {
      case 'httpGet':
        return checkHttp(request, signal);
      case 'grpc':
        return checkGrpc(request, signal);
      case 'tcpSocket':
        return checkTcp(request, signal);
    }
  }
}

async function checkTcp({ host, port, timeoutMs }: HealthRequest, signal: AbortSignal): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (answer: ProbeAnswer): void => {
      signal.removeEventListener('abort', giveUp);
      socket.destroy();
      resolve(answer);
    };
    const giveUp = (): void => settle({ result: 'unknown', output: 'given up' });
    signal.addEventListener('abort', giveUp, { once: true });
    socket.setTimeout(timeoutMs, () => settle({ result: 'failure', output: `dial tcp ${host}:${port}: i/o timeout` }));
    socket.on('error', (error) => settle({ result: 'failure', output: dialError(host, port, error) }));
    socket.once('connect', () => settle({ result: 'success', output: '' }));
  });
}
