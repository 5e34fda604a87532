import { createSocket, type Socket } from 'node:dgram';
import type { CancelTimer } from '../../ports/clock.ts';
import type { ChooseTarget, FrontSpec, ProxyFront, ProxyTarget } from '../../ports/service-proxy.ts';
import { Binding } from './binding.ts';
import { PROXY_LIMITS } from './limits.ts';
import type { FrontDeps } from './front-deps.ts';

interface Sender {
  address: string;
  port: number;
}

interface Flow {
  /** Undefined while its endpoint is being looked for. */
  id: string | undefined;
  /** Connected to the endpoint, so that only its answers come. */
  socket: Socket;
  /** Datagrams that came before it was. */
  waiting: Buffer[] | undefined;
  /** Monotonic ms. */
  lastAt: number;
}

/** Datagrams to one port of a service: a client stays with its endpoint until it is silent for a while. Only to endpoints of this machine; those of others are passed over. */
export class UdpFront implements ProxyFront {
  readonly #deps: FrontDeps;
  readonly #spec: FrontSpec;
  readonly #choose: ChooseTarget;
  readonly #binding: Binding;
  readonly #flows = new Map<string, Flow>();
  #socket: Socket | undefined;
  #cancelSweep: CancelTimer | undefined;
  #closed = false;

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
    for (const [client, flow] of this.#flows) if (flow.id !== undefined && !alive.has(flow.id)) this.#forget(client, flow);
  }

  close(): void {
    this.#closed = true;
    this.#binding.close();
    this.#cancelSweep?.();
    this.#socket?.close();
    for (const [client, flow] of this.#flows) this.#forget(client, flow);
  }

  async #listen(): Promise<void> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) => {
        socket.close();
        reject(error);
      });
      socket.bind({ address: this.#spec.host, port: this.#spec.port, exclusive: true }, () => {
        socket.removeAllListeners('error');
        socket.on('error', () => undefined);
        resolve();
      });
    });
    if (this.#closed) return void socket.close();
    this.#socket = socket;
    socket.on('message', (bytes, from) => this.#forward(bytes, from));
  }

  #forward(bytes: Buffer, from: Sender): void {
    const client = `${from.address}:${from.port}`;
    const flow = this.#flows.get(client) ?? this.#begin(client, from);
    if (flow === undefined) return;
    flow.lastAt = this.#deps.clock.monotonic();
    if (flow.waiting === undefined) flow.socket.send(bytes, () => undefined);
    else if (flow.waiting.length < PROXY_LIMITS.flowWaiting) flow.waiting.push(bytes);
  }

  #begin(client: string, from: Sender): Flow | undefined {
    if (this.#flows.size >= PROXY_LIMITS.flows) return undefined;
    const socket = createSocket('udp4');
    const flow: Flow = { id: undefined, socket, waiting: [], lastAt: this.#deps.clock.monotonic() };
    socket.on('message', (bytes) => {
      flow.lastAt = this.#deps.clock.monotonic();
      this.#socket?.send(bytes, from.port, from.address, () => undefined);
    });
    // Refused: the client's next datagram goes to another endpoint.
    socket.on('error', () => this.#forget(client, flow));
    this.#flows.set(client, flow);
    this.#sweepLater();
    void this.#connect(client, from.address, flow);
    return flow;
  }

  async #connect(client: string, address: string, flow: Flow): Promise<void> {
    const target = await this.#nearTarget(address);
    if (this.#flows.get(client) !== flow) return;
    if (target === undefined) return this.#forget(client, flow);
    flow.id = target.id;
    flow.socket.once('connect', () => {
      for (const bytes of flow.waiting ?? []) flow.socket.send(bytes, () => undefined);
      flow.waiting = undefined;
    });
    // Without a callback, which would be called for a failure, too: that comes as an error of the socket.
    flow.socket.connect(target.port, target.ip);
  }

  async #nearTarget(address: string): Promise<ProxyTarget | undefined> {
    const tried = new Set<string>();
    for (let target = this.#choose(address, tried); target !== undefined; target = this.#choose(address, tried)) {
      if (await this.#deps.isNear(target)) return target;
      tried.add(target.id);
    }
    return undefined;
  }

  #sweepLater(): void {
    this.#cancelSweep ??= this.#deps.clock.after(PROXY_LIMITS.flowIdleMs, () => {
      this.#cancelSweep = undefined;
      const before = this.#deps.clock.monotonic() - PROXY_LIMITS.flowIdleMs;
      for (const [client, flow] of this.#flows) if (flow.lastAt <= before) this.#forget(client, flow);
      if (this.#flows.size > 0) this.#sweepLater();
    });
  }

  #forget(client: string, flow: Flow): void {
    if (this.#flows.get(client) !== flow) return;
    this.#flows.delete(client);
    flow.socket.close();
  }
}
