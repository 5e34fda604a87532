import type { Socket } from 'node:net';
import type { Clock } from '../../ports/clock.ts';
import type { ProxyTarget } from '../../ports/service-proxy.ts';
import type { ByteStream } from '../../ports/streams.ts';

/** What all fronts of a proxy share. */
export interface FrontDeps {
  clock: Clock;
  /** A connection: a socket where the target is near, else a stream through another peer. @throws Error */
  dial(target: ProxyTarget, signal: AbortSignal): Promise<Socket | ByteStream>;
  /** Whether its address is one of this machine's. */
  isNear(target: ProxyTarget): Promise<boolean>;
  /** One more connection, if there may be: the answer gives it back. */
  admit(): (() => void) | undefined;
  /** ms until an address that is in use is tried again. */
  rebindMs(): number;
}
