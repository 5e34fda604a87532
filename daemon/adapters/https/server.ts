import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import type { HttpConnection, HttpHandler } from '../../ports/http.ts';
import type { Log } from '../../ports/log.ts';
import { HTTP_LIMITS } from './limits.ts';
import { sendResponse, toHttpRequest } from './request.ts';

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

  constructor(deps: { handler: HttpHandler; log: Log; identify: (message: IncomingMessage) => HttpConnection }) {
    this.handler = deps.handler;
    this.log = deps.log;
    this.identify = deps.identify;
  }

  attach(server: Server): void {
    server.maxConnections = HTTP_LIMITS.connections;
    server.on('request', (message, reply) => this.begin(message, reply));
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
    await closed;
  }

  private begin(message: IncomingMessage, reply: ServerResponse): void {
    const work = this.serve(message, reply).catch((error: unknown) => {
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
    const abort = new AbortController();
    const onGone = (): void => abort.abort();
    reply.on('close', onGone);
    reply.on('error', onGone);
    message.on('error', onGone);
    this.aborts.add(abort);
    if (this.stopping) abort.abort();
    try {
      const response = await this.handler(toHttpRequest(message, this.identify(message), abort.signal));
      if (!reply.destroyed) await sendResponse(message, reply, response);
    } finally {
      this.aborts.delete(abort);
    }
  }
}
