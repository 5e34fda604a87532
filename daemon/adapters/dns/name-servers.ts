/** All addresses at which this host answers for names: given ones, and the bridge of pods, which comes with the first of them and changes when the node renumbers itself. */
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { AnswerName, NameServer } from '../../ports/names.ts';
import { DNS_LIMITS } from './limits.ts';
import { DnsServer } from './server.ts';
import type { Server } from './upstream.ts';

const DNS_PORT = 53;

export interface NameServersOptions {
  fixed: readonly Server[];
  /** Who is asked for other names. Those that we are ourselves are left out: questions would go round in circles. */
  upstreams: readonly Server[];
}

export class NameServers implements NameServer {
  readonly #deps: { clock: Clock; log: Log };
  readonly #options: NameServersOptions;
  readonly #fixed: DnsServer[] = [];
  /** By address, the newest last. */
  readonly #bridges = new Map<string, DnsServer>();
  #answer: AnswerName | undefined;
  #stopped = false;

  constructor(deps: { clock: Clock; log: Log }, options: NameServersOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  start(answer: AnswerName): void {
    this.#answer = answer;
    for (const address of this.#options.fixed) this.#fixed.push(this.#open(address, answer));
  }

  listenAt(address: string): void {
    if (this.#answer === undefined || this.#stopped) return;
    const known = this.#bridges.get(address);
    this.#bridges.delete(address);
    this.#bridges.set(address, known ?? this.#open({ host: address, port: DNS_PORT }, this.#answer));
    for (const [earlier, server] of this.#bridges) {
      if (this.#bridges.size <= 1 + DNS_LIMITS.earlierBridges) break;
      this.#bridges.delete(earlier);
      void server.stop();
    }
  }

  addresses(): readonly Server[] {
    const [bridge] = [...this.#bridges.keys()].slice(-1);
    return [...this.#options.fixed, ...(bridge === undefined ? [] : [{ host: bridge, port: DNS_PORT }])];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#fixed, ...this.#bridges.values()].map(async (server) => server.stop()));
  }

  #open(address: Server, answer: AnswerName): DnsServer {
    const own = new Set([address, ...this.#options.fixed].map(({ host, port }) => `${host} ${port}`));
    const upstreams = this.#options.upstreams.filter(({ host, port }) => !own.has(`${host} ${port}`));
    const server = new DnsServer(this.#deps, { ...address, upstreams });
    server.start(answer);
    return server;
  }
}
