/**
 * Services without the kernel's help: the daemon listens on their addresses itself and passes connections on. For where there is no root or no nft; a Service's address must be
 * one that anybody may bind (127.x.y.z), as in clusters that were founded on the process runtime.
 */
import { connect, type Socket } from 'node:net';
import type { Clock } from '../../ports/clock.ts';
import type { ChooseTarget, FrontSpec, ProxyFront, ProxyTarget, ServiceProxy } from '../../ports/service-proxy.ts';
import type { ByteStream } from '../../ports/streams.ts';
import type { FrontDeps } from './front-deps.ts';
import { PROXY_LIMITS } from './limits.ts';
import { TcpFront } from './tcp-front.ts';
import { UdpFront } from './udp-front.ts';

export interface UserSpaceProxyDeps {
  clock: Clock;
  /** Whether the target's address can be reached from here as it is. */
  isNear(target: ProxyTarget): Promise<boolean>;
  /** A connection to a pod's port through the member that runs it. */
  relay(node: string, request: { podUid: string; port: number }, signal: AbortSignal): Promise<ByteStream>;
}

export class UserSpaceProxy implements ServiceProxy {
  readonly #deps: UserSpaceProxyDeps;
  readonly #frontDeps: FrontDeps;
  #connections = 0;
  #fronts = 0;

  constructor(deps: UserSpaceProxyDeps) {
    this.#deps = deps;
    this.#frontDeps = {
      clock: deps.clock,
      isNear: async (target) => deps.isNear(target),
      dial: async (target, signal) => this.#dial(target, signal),
      admit: () => this.#admit(),
      rebindMs: () => Math.max(PROXY_LIMITS.rebindMs, this.#fronts * PROXY_LIMITS.rebindPerFrontMs),
    };
  }

  open(spec: FrontSpec, choose: ChooseTarget): ProxyFront {
    this.#fronts += 1;
    const front = spec.protocol === 'TCP' ? new TcpFront(this.#frontDeps, spec, choose) : new UdpFront(this.#frontDeps, spec, choose);
    let open = true;
    return {
      keepOnly: (alive) => front.keepOnly(alive),
      get trouble() {
        return front.trouble;
      },
      close: () => {
        if (open) this.#fronts -= 1;
        open = false;
        front.close();
      },
    };
  }

  #admit(): (() => void) | undefined {
    if (this.#connections >= PROXY_LIMITS.connections) return undefined;
    this.#connections += 1;
    let released = false;
    return () => {
      if (!released) this.#connections -= 1;
      released = true;
    };
  }

  async #dial(target: ProxyTarget, signal: AbortSignal): Promise<Socket | ByteStream> {
    const { podUid, node, port } = target;
    if (podUid === undefined || (await this.#deps.isNear(target))) return connectNear(target, signal);
    const waiting = new AbortController();
    const giveUp = (): void => waiting.abort(new Error('the pod was not reached'));
    const cancel = this.#deps.clock.after(PROXY_LIMITS.relayMs, giveUp);
    // Of a stream that is open the client's end is passed on by whoever copies.
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await this.#deps.relay(node, { podUid, port }, waiting.signal);
    } finally {
      cancel();
      signal.removeEventListener('abort', giveUp);
    }
  }
}

async function connectNear({ ip, port }: ProxyTarget, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = connect({ host: ip, port, allowHalfOpen: true, noDelay: true });
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', giveUp);
      socket.destroy();
      reject(error);
    };
    const giveUp = (): void => fail(new Error('the client is gone'));
    signal.addEventListener('abort', giveUp, { once: true });
    socket.setTimeout(PROXY_LIMITS.connectMs, () => fail(new Error('it does not answer')));
    socket.once('error', fail);
    socket.once('connect', () => {
      signal.removeEventListener('abort', giveUp);
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      socket.off('error', fail);
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}
