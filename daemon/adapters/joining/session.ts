import { X509Certificate, createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { JOIN_EXPORTER_BYTES, JOIN_EXPORTER_LABEL, JOIN_PATH, MAX_JOIN_ANSWER_BYTES } from '../../../protocol/joining.ts';
import { impostor, unreachable } from './errors.ts';

/** RFC 5280's id of the purpose "server". A member's client certificate must not do for one. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
/** A chain is a certificate and its root; more is not ours. */
const MAX_CHAIN = 4;

/**
 * A TLS session with one member. Its chain is judged by the hash in the token, as nothing else is known yet; TLS 1.3 only, whose keying material is bound to the
 * whole handshake.
 * @throws KithError `JoinUnreachable` | `JoinRefused` (not the token's cluster)
 */
export async function openJoinSession(
  address: string,
  rootHash: string,
  signal: AbortSignal,
): Promise<{ socket: TLSSocket; exporter: Uint8Array }> {
  const { hostname, port } = new URL(address);
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = connect({
    host,
    port: Number(port || 443),
    servername: isIP(host) ? '' : host,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
  });
  const abort = () => socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', abort));
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', (error: Error) => reject(unreachable(address, explain(error), error)));
    if (signal.aborted) abort();
  });
  // Later errors reach the request that uses the socket; one in between must not end the process.
  socket.on('error', () => undefined);
  const reason = judgeChain(socket.getPeerCertificate(true), rootHash);
  if (reason !== undefined) {
    socket.destroy();
    throw impostor(address, reason);
  }
  return { socket, exporter: socket.exportKeyingMaterial(JOIN_EXPORTER_BYTES, JOIN_EXPORTER_LABEL, Buffer.alloc(0)) };
}

/** Why the chain is not that of the cluster with this root; undefined when it is. */
function judgeChain(presented: DetailedPeerCertificate, rootHash: string): string | undefined {
  const chain: X509Certificate[] = [];
  for (let at: DetailedPeerCertificate | undefined = presented; at?.raw && chain.length < MAX_CHAIN; at = at.issuerCertificate) {
    chain.push(new X509Certificate(at.raw));
    if (at.issuerCertificate === at) break;
  }
  const [leaf] = chain;
  const root = chain.find(({ raw }) => createHash('sha256').update(raw).digest('hex') === rootHash);
  if (!leaf || !root?.ca) {
    return 'its certificates are not those of the cluster that the token names: the token is of another cluster, or its keys changed since; print a new one with "kith token"';
  }
  const issued = leaf.raw.equals(root.raw) || (leaf.checkIssued(root) && leaf.verify(root.publicKey));
  if (!issued || leaf.ca || !leaf.keyUsage?.includes(SERVER_AUTH))
    return "its certificate was not issued to a server by the token's cluster";
  return undefined;
}

/**
 * Sends one request over the session and reads the answer, which is bounded.
 * @throws KithError `JoinUnreachable`
 */
export function postJoin(socket: TLSSocket, address: string, body: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      socket.destroy();
      reject(unreachable(address, explain(error), error));
    };
    const message = httpRequest({
      method: 'POST',
      path: JOIN_PATH,
      createConnection: () => socket,
      headers: {
        host: new URL(address).host,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        accept: 'application/json',
        connection: 'close',
      },
    });
    message.on('error', fail);
    message.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        length += chunk.byteLength;
        if (length > MAX_JOIN_ANSWER_BYTES) fail(new Error(`the answer is larger than ${MAX_JOIN_ANSWER_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        socket.destroy();
        try {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown });
        } catch (error) {
          fail(new Error('the answer is no JSON: is this the API of a kithd?', { cause: error }));
        }
      });
    });
    message.end(body);
  });
}

function explain(error: Error): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ECONNREFUSED':
      return 'nothing listens there (connection refused)';
    case 'ENOTFOUND':
      return 'the name does not resolve';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'there is no route to it';
    default:
      return error.message;
  }
}
