import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { Libp2pTransport } from '../../daemon/adapters/libp2p/transport.ts';
import { systemClock, systemRandom } from '../../daemon/adapters/system/clock.ts';
import type { Log } from '../../daemon/ports/log.ts';
import type { TransportWorld } from '../acceptance/transport.ts';

/** Swallows everything. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silentLog };

/** Real peers on 127.0.0.1. A name keeps its key, and its port from its first start on. */
export interface Libp2pWorld extends TransportWorld {
  create(name: string, log?: Log): Promise<Libp2pTransport>;
}

export function libp2pWorld(): Libp2pWorld {
  const keys = new Map<string, Uint8Array>();
  const made: Libp2pTransport[] = [];
  const ports = new Map<string, string>();
  return {
    async create(name, log = silentLog) {
      const privateKey = keys.get(name) ?? privateKeyToProtobuf(await generateKeyPair('Ed25519'));
      keys.set(name, privateKey);
      const transport = new RememberingTransport(
        { clock: systemClock, random: systemRandom, log },
        { privateKey, listenAddresses: [`/ip4/127.0.0.1/tcp/${ports.get(name) ?? '0'}`] },
        (port) => ports.set(name, port),
      );
      made.push(transport);
      return transport;
    },
    async close() {
      await Promise.all(made.map((transport) => transport.stop()));
    },
  };
}

class RememberingTransport extends Libp2pTransport {
  readonly #remember: (port: string) => void;

  constructor(
    deps: ConstructorParameters<typeof Libp2pTransport>[0],
    options: ConstructorParameters<typeof Libp2pTransport>[1],
    remember: (port: string) => void,
  ) {
    super(deps, options);
    this.#remember = remember;
  }

  override async start(signal?: AbortSignal): Promise<void> {
    await super.start(signal);
    this.#remember(this.addresses()[0]?.split('/').at(-1) ?? '0');
  }
}
