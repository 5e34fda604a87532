import http2 from 'node:http2';
import type { HealthRequest, ProbeAnswer } from '../../ports/health.ts';
import { dialError } from './dial-error.ts';

type GrpcRequest = Extract<HealthRequest, { do: 'grpc' }>;

/** Answers of the health service. Source: grpc/health/v1/health.proto. */
const SERVING_STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
/** Source: google.golang.org/grpc/codes. */
const CODES = [
  ...['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied'],
  ...['ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable', 'DataLoss'],
  'Unauthenticated',
];
const UNIMPLEMENTED = 12;
/** An answer is a few bytes. */
const MAX_ANSWER_BYTES = 1024;
const FRAME_HEADER = 5;

/** One call of `grpc.health.v1.Health/Check` without TLS, by hand: a frame of one message each way. Source of the words: pkg/probe/grpc. */
export async function checkGrpc({ host, port, service, timeoutMs }: GrpcRequest, signal: AbortSignal): Promise<ProbeAnswer> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const seconds = `${timeoutMs / 1000}s`;
  return new Promise((resolve) => {
    const session = http2.connect(`http://${address}`);
    let connected = false;
    const settle = (result: ProbeAnswer['result'], output: string): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      session.destroy();
      resolve({ result, output });
    };
    const giveUp = (): void => settle('unknown', 'given up');
    const timer = setTimeout(() => {
      const dial = `timeout: failed to connect service "${address}" within ${seconds}: context deadline exceeded`;
      settle('failure', connected ? `timeout: health rpc did not complete within ${seconds}` : dial);
    }, timeoutMs);
    signal.addEventListener('abort', giveUp, { once: true });
    session.once('connect', () => (connected = true));
    session.on('error', (error: NodeJS.ErrnoException) =>
      settle('failure', `error: failed to connect service at "${address}": ${dialError(host, port, error)}`),
    );
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      'user-agent': 'kube-probe/1.35',
      te: 'trailers',
    });
    let body = Buffer.alloc(0);
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on('response', (headers) => (trailers = { ...trailers, ...headers }));
    stream.on('trailers', (more: http2.IncomingHttpHeaders) => (trailers = { ...trailers, ...more }));
    stream.on('data', (chunk: Buffer) => (body = Buffer.concat([body, chunk]).subarray(0, MAX_ANSWER_BYTES)));
    stream.on('error', (error: Error) => {
      // Without a connection, the session says why.
      if (connected) settle('failure', `error: health rpc probe failed: ${error.message}`);
    });
    stream.on('end', () => {
      const { result, output } = judge(trailers, body);
      settle(result, output);
    });
    stream.end(requestFrame(service));
  });
}

/** `HealthCheckRequest { service = 1 }` behind a frame's header: not compressed, and its length. */
function requestFrame(service: string): Buffer {
  const text = Buffer.from(service);
  const message = text.length === 0 ? text : Buffer.concat([Buffer.from([0x0a, ...varint(text.length)]), text]);
  const header = Buffer.alloc(FRAME_HEADER);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function judge(trailers: http2.IncomingHttpHeaders, body: Buffer): ProbeAnswer {
  const text = (name: string): string => String(trailers[name] ?? '');
  const code = Number(text('grpc-status') === '' ? 2 : text('grpc-status'));
  const message = decodeURIComponentSafely(text('grpc-message'));
  if (code === UNIMPLEMENTED) {
    return {
      result: 'failure',
      output: `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`,
    };
  }
  if (code !== 0) {
    return {
      result: 'failure',
      output: `error: health rpc probe failed: rpc error: code = ${CODES[code] ?? `Code(${code})`} desc = ${message}`,
    };
  }
  // `HealthCheckResponse { status = 1 }`, a small number; an empty message is 0.
  const field = body.indexOf(0x08, FRAME_HEADER);
  const status = SERVING_STATUS[field < 0 ? 0 : (body[field + 1] ?? 0)] ?? 'UNKNOWN';
  if (status === 'SERVING') return { result: 'success', output: 'service healthy' };
  return { result: 'failure', output: `service unhealthy (responded with "${status}")` };
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
