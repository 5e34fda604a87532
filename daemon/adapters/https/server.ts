import { ServerResponse, STATUS_CODES, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { HttpConnection, HttpHandler, HttpResponse } from '../../ports/http.ts';
import type { Log } from '../../ports/log.ts';
import { HTTP_LIMITS } from './limits.ts';
import { sendResponse, toHttpRequest } from './request.ts';
import { socketStream } from '../socket/socket-stream.ts';

/** What both servers are made with. */
export const SERVER_OPTIONS: ServerOptions = {
  maxHeaderSize: HTTP_LIMITS.headerBytes,
  headersTimeout: HTTP_LIMITS.headersTimeoutMs,
  requestTimeout: HTTP_LIMITS.requestTimeoutMs,
  keepAliveTimeout: HTTP_LIMITS.keepAliveTimeoutMs,
};

/**
 * The part that the TLS server and the unix socket share: hands requests to the handler, and ends them all on stop. Never decides who may do what: it only says
 * what the connection proves.
 */
export class RequestLoop {
  private readonly handler: HttpHandler;
  private readonly log: Log;
  private readonly identify: (message: IncomingMessage) => HttpConnection;
  private stopping = false;
  private readonly running = new Set<Promise<void>>();
  /**
   * One for each request under way. Not `AbortSignal.any` with a signal of the server: Node 20 keeps 1 to 2 KB of every such combination for as long as the
   * longest-lived signal lives (measured on 20.20.2).
   */
  private readonly aborts = new Set<AbortController>();
  /** Connections that have left HTTP: the server no longer counts them as its own. */
  private readonly upgraded = new Set<Duplex>();

  constructor(deps: { handler: HttpHandler; log: Log; identify: (message: IncomingMessage) => HttpConnection }) {
    this.handler = deps.handler;
    this.log = deps.log;
    this.identify = deps.identify;
  }

  attach(server: Server): void {
    server.maxConnections = HTTP_LIMITS.connections;
    server.on('request', (message, reply) => this.begin(message, reply, async () => this.serve(message, reply)));
    server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
      const reply = new ServerResponse(message);
      reply.shouldKeepAlive = false;
      reply.assignSocket(socket as Socket);
      this.begin(message, reply, async () => this.serveUpgrade(message, reply, socket, head));
    });
  }

  /** Ends streams in order, then closes what is left. */
  async stop(server: Server): Promise<void> {
    this.stopping = true;
    for (const abort of this.aborts) abort.abort();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, HTTP_LIMITS.stopMs).unref());
    await Promise.race([Promise.allSettled([...this.running]), deadline]);
    server.closeAllConnections();
    for (const socket of this.upgraded) socket.destroy();
    await closed;
  }

  private begin(message: IncomingMessage, reply: ServerResponse, serve: () => Promise<void>): void {
    const work = serve().catch((error: unknown) => {
      this.log.error('a request failed', { method: message.method, url: message.url, error: String(error) });
      if (!reply.headersSent) reply.writeHead(500, { 'content-type': 'text/plain' });
      reply.end();
    });
    this.running.add(work);
    void work.finally(() => this.running.delete(work));
  }

  private async serve(message: IncomingMessage, reply: ServerResponse): Promise<void> {
    if ((message.url ?? '').length > HTTP_LIMITS.urlBytes) {
      reply.writeHead(414, { 'content-type': 'text/plain', connection: 'close' });
      reply.end(`the URL is longer than ${HTTP_LIMITS.urlBytes} bytes\n`);
      return;
    }
    const abort = this.abortWith(message, reply);
    try {
      const response = await this.handler(toHttpRequest(message, this.identify(message), abort.signal));
      if (!reply.destroyed) await sendResponse(message, reply, response);
    } finally {
      this.aborts.delete(abort);
    }
  }

  /** A request that asks for another protocol. The handler may take the connection, or answer as always: then it ends with the answer. */
  private async serveUpgrade(message: IncomingMessage, reply: ServerResponse, socket: Duplex, head: Buffer): Promise<void> {
    const abort = this.abortWith(message, socket);
    // Without a listener a broken connection would end the daemon.
    socket.on('error', (error) => this.log.debug('an upgraded connection broke', { error: String(error) }));
    this.upgraded.add(socket);
    socket.once('close', () => this.upgraded.delete(socket));
    try {
      const response = await this.handler(toHttpRequest(message, this.identify(message), abort.signal));
      if (response.upgraded === undefined) {
        reply.once('finish', () => part(socket));
        if (!socket.destroyed) await sendResponse(message, reply, response);
        return;
      }
      reply.detachSocket(socket as Socket);
      await takeOver(response.upgraded, response, socket, head, this.log);
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      this.aborts.delete(abort);
    }
  }

  private abortWith(message: IncomingMessage, ...ends: (ServerResponse | Duplex)[]): AbortController {
    const abort = new AbortController();
    const onGone = (): void => abort.abort();
    for (const end of ends) {
      end.on('close', onGone);
      end.on('error', onGone);
    }
    message.on('error', onGone);
    this.aborts.add(abort);
    if (this.stopping) abort.abort();
    return abort;
  }
}

async function takeOver(
  upgraded: NonNullable<HttpResponse['upgraded']>,
  response: HttpResponse,
  socket: Duplex,
  head: Uint8Array,
  log: Log,
): Promise<void> {
  const { status, headers } = response;
  const lines = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}\r\n`));
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`);
  if ('setKeepAlive' in socket) (socket as Socket).setNoDelay(true).setKeepAlive(true, HTTP_LIMITS.upgradedKeepAliveMs).setTimeout(0);
  const stream = socketStream(socket, head);
  try {
    await upgraded(stream);
    await stream.end();
  } catch (error) {
    // Clients go when they like; what went wrong in a session was told to its client.
    log.debug('an upgraded connection ended early', { error: String(error) });
  } finally {
    part(socket);
  }
}

/** The other side has what was sent when it closes its end; one that never does is cut off. */
function part(socket: Duplex): void {
  socket.end();
  const cut = setTimeout(() => socket.destroy(), HTTP_LIMITS.upgradedEndMs);
  socket.once('close', () => clearTimeout(cut));
  socket.resume();
}
