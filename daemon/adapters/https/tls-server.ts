import type { IncomingMessage, Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { HttpConnection, HttpHandler } from '../../ports/http.ts';
import type { Log } from '../../ports/log.ts';
import { HTTP_LIMITS } from './limits.ts';
import { listen } from './listen.ts';
import { RequestLoop, SERVER_OPTIONS } from './server.ts';

/** PEM texts. */
export interface ServerCertificate {
  key: string;
  /** The certificate and what is between it and the CA. */
  certificate: string;
  /** Who signs client certificates. Several while one is replaced by the next. */
  clientCa: string;
}

export interface TlsServerOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  certificate: ServerCertificate;
}

/** Serves the API over TLS. Client certificates are asked for and not required: without one, a bearer token may do. */
export class TlsServer {
  private readonly deps: { handler: HttpHandler; log: Log };
  private readonly options: TlsServerOptions;
  private readonly loop: RequestLoop;
  private server: (Server & { setSecureContext(options: object): void }) | undefined;

  constructor(deps: { handler: HttpHandler; log: Log }, options: TlsServerOptions) {
    this.deps = deps;
    this.options = options;
    this.loop = new RequestLoop({ ...deps, identify });
  }

  /** @throws KithError `AddressInUse` | `AddressUnavailable` */
  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { host, port, certificate } = this.options;
    const server = createServer({
      ...SERVER_OPTIONS,
      ...secureContext(certificate),
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: HTTP_LIMITS.handshakeTimeoutMs,
    });
    this.loop.attach(server);
    server.on('tlsClientError', (error) => this.deps.log.debug('a TLS handshake failed', { error: String(error) }));
    await listen(server, { host, port }, '--api-listen');
    this.server = server;
    this.deps.log.info('the API listens', { host, port: this.port() });
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server !== undefined) await this.loop.stop(server);
  }

  /** The port bound, after start. */
  port(): number {
    const address = this.server?.address() as AddressInfo | null | undefined;
    return address?.port ?? this.options.port;
  }

  /** New connections get the new certificate; open ones keep theirs. */
  reload(certificate: ServerCertificate): void {
    this.server?.setSecureContext(secureContext(certificate));
  }
}

function secureContext(certificate: ServerCertificate): { key: string; cert: string; ca: string } {
  return { key: certificate.key, cert: certificate.certificate, ca: certificate.clientCa };
}

function identify(message: IncomingMessage): HttpConnection {
  const socket = message.socket as TLSSocket;
  return {
    credential: clientCertificate(socket),
    remoteAddress: `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`,
    exporter: (label, lengthBytes) => socket.exportKeyingMaterial(lengthBytes, label, Buffer.alloc(0)),
  };
}

/** As Kubernetes reads it: the common name is the user, the organisations are its groups. */
function clientCertificate(socket: TLSSocket): HttpConnection['credential'] {
  const certificate = socket.authorized ? socket.getPeerCertificate() : undefined;
  // With no certificate Node gives an empty object, whatever the types say.
  const subject = certificate?.subject as { CN?: string | string[]; O?: string | string[] } | undefined;
  if (certificate === undefined || typeof subject?.CN !== 'string') return { type: 'none' };
  const groups = subject.O === undefined ? [] : [subject.O].flat();
  return { type: 'certificate', user: subject.CN, groups, fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase() };
}
