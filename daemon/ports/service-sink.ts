import type { ObjectKey } from '../../protocol/objects.ts';
import type { ResolvedService } from '../core/network/service-types.ts';

/** What makes Services work on this host: a proxy of the daemon, or rules of the kernel. */
export interface ServiceSink {
  readonly name: 'proxy' | 'nftables';
  /**
   * Makes it so that connections go where these services say, and no new one anywhere else. Resolves when that holds. What could not be done is tried again by the sink itself;
   * it throws only for what is worth a line in the log.
   * @param services all of them, by namespace and name
   * @param changed keys of those that came, went or differ since the last call
   */
  apply(services: readonly ResolvedService[], changed: ReadonlySet<ObjectKey>, signal: AbortSignal): Promise<void>;
  /** Those that connections go by now: what was last applied and is in force, and while it is replaced what is to be. Undefined while nobody knows what is. */
  readonly inForce: readonly ResolvedService[] | undefined;
  /** What of a service can not be had here, in words; by service. */
  troubles(): ReadonlyMap<ObjectKey, readonly string[]>;
  stop(): Promise<void>;
}
