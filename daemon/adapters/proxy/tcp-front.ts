import { createServer, type Server, type Socket } from 'node:net';
import type { ChooseTarget, FrontSpec, ProxyFront, ProxyTarget } from '../../ports/service-proxy.ts';
import type { ByteStream } from '../../ports/streams.ts';
import { Binding } from './binding.ts';
import { PROXY_LIMITS } from './limits.ts';
import { cut, splice } from './splice.ts';
import type { FrontDeps } from './front-deps.ts';

/** TCP connections to one port of a service. An endpoint that refuses is passed over for the next one; a client that nobody takes is reset at once. */
export class TcpFront implements ProxyFront {
  readonly #deps: FrontDeps;
  readonly #spec: FrontSpec;
  readonly #choose: ChooseTarget;
  readonly #binding: Binding;
  readonly #closing = new AbortController();
  /** Running connections: how each is ended. */
  readonly #open = new Map<Socket, { id: string; server: Socket | ByteStream } | undefined>();
  #server: Server | undefined;
  /** Undefined: until now, all. */
  #alive: ReadonlySet<string> | undefined;

  constructor(deps: FrontDeps, spec: FrontSpec, choose: ChooseTarget) {
    this.#deps = deps;
    this.#spec = spec;
    this.#choose = choose;
    this.#binding = new Binding(deps, async () => this.#listen());
    this.#binding.open();
  }

  get trouble(): string | undefined {
    return this.#binding.trouble;
  }

  keepOnly(alive: ReadonlySet<string>): void {
    this.#alive = alive;
    for (const [client, connection] of this.#open) {
      if (connection === undefined || alive.has(connection.id)) continue;
      cut(client, 'the pod is gone');
      cut(connection.server, 'the pod is gone');
    }
  }

  close(): void {
    this.#binding.close();
    this.#closing.abort(new Error('the service is gone'));
    this.#server?.close();
    for (const [client, connection] of this.#open) {
      cut(client, 'the service is gone');
      if (connection !== undefined) cut(connection.server, 'the service is gone');
    }
  }

  async #listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => void this.#take(client));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const { host, port } = this.#spec;
      server.listen({ host, port, exclusive: true }, () => {
        server.off('error', reject);
        server.on('error', (error) => {
          server.close();
          this.#binding.lost(error);
        });
        resolve();
      });
    });
    if (this.#closing.signal.aborted) server.close();
    this.#server = server;
  }

  async #take(client: Socket): Promise<void> {
    client.on('error', () => undefined);
    const release = this.#closing.signal.aborted ? undefined : this.#deps.admit();
    if (release === undefined) return cut(client, 'too many connections');
    this.#open.set(client, undefined);
    const gone = new AbortController();
    client.once('close', () => gone.abort(new Error('the client is gone')));
    try {
      const connected = await this.#connect(client.remoteAddress ?? '', gone.signal);
      if (connected === undefined) return cut(client, 'nobody takes the connection');
      if (client.destroyed) return cut(connected.server, 'the client is gone');
      this.#open.set(client, connected);
      client.setKeepAlive(true, PROXY_LIMITS.keepAliveMs);
      await splice(client, connected.server);
    } finally {
      this.#open.delete(client);
      release();
    }
  }

  async #connect(address: string, signal: AbortSignal): Promise<{ id: string; server: Socket | ByteStream } | undefined> {
    const tried = new Set<string>();
    while (tried.size < PROXY_LIMITS.attempts && !signal.aborted) {
      const target = this.#choose(address, tried);
      if (target === undefined) return undefined;
      const { id } = target;
      tried.add(id);
      const server = await this.#dial(target, signal);
      if (server === undefined) continue;
      if (this.#closing.signal.aborted || this.#alive?.has(id) === false) cut(server, 'the pod is gone');
      else return { id, server };
    }
    return undefined;
  }

  async #dial(target: ProxyTarget, signal: AbortSignal): Promise<Socket | ByteStream | undefined> {
    try {
      return await this.#deps.dial(target, signal);
    } catch {
      return undefined;
    }
  }
}
