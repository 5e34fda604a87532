import type { Container } from '../../../../protocol/types.ts';
import type { HealthRequest } from '../../../ports/health.ts';

/** What a probe, or a hook, does: a command in the container, a question over the network, or nothing for a while. */
export interface Handler {
  exec?: { command?: string[] };
  httpGet?: { host?: string; path?: string; port: number | string; scheme?: string; httpHeaders?: { name: string; value: string }[] };
  tcpSocket?: { host?: string; port: number | string };
  grpc?: { port: number; service?: string };
  sleep?: { seconds: number };
}

export type HandlerRequest = { do: 'exec'; command: string[] } | { do: 'sleep'; ms: number } | HealthRequest;

/** @returns text: why it can't be carried out, in kubelet's words */
export function handlerRequest(handler: Handler, container: Container, podIP: string, timeoutMs: number): HandlerRequest | string {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  if (exec !== undefined) return { do: 'exec', command: exec.command ?? [] };
  if (sleep !== undefined) return { do: 'sleep', ms: sleep.seconds * 1000 };
  if (httpGet !== undefined) {
    const port = portOf(container, httpGet.port);
    if (typeof port === 'string') return port;
    const path = httpGet.path ?? '/';
    return {
      do: 'httpGet',
      host: httpGet.host !== undefined && httpGet.host !== '' ? httpGet.host : podIP,
      port,
      path: path.startsWith('/') ? path : `/${path}`,
      scheme: httpGet.scheme === 'HTTPS' ? 'HTTPS' : 'HTTP',
      headers: httpGet.httpHeaders ?? [],
      timeoutMs,
    };
  }
  if (tcpSocket !== undefined) {
    const port = portOf(container, tcpSocket.port);
    if (typeof port === 'string') return port;
    return { do: 'tcpSocket', host: tcpSocket.host !== undefined && tcpSocket.host !== '' ? tcpSocket.host : podIP, port, timeoutMs };
  }
  if (grpc !== undefined) return { do: 'grpc', host: podIP, port: grpc.port, service: grpc.service ?? '', timeoutMs };
  return `missing probe handler for ${container.name}`;
}

function portOf(container: Container, port: number | string): number | string {
  if (typeof port === 'number' || /^[0-9]+$/.test(port)) return Number(port);
  const named = (container.ports ?? []).find(({ name }) => name === port);
  return named?.containerPort ?? `couldn't find port: ${port}`;
}
