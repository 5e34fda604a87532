/** Takes connections for services in the daemon itself, where the kernel can not be told to. Adapter: proxy. It chooses nobody: who takes a connection is asked each time. */
export interface ServiceProxy {
  /** From now on: where the address can not be had, it is tried for until it can. */
  open(spec: FrontSpec, choose: ChooseTarget): ProxyFront;
}

export interface FrontSpec {
  protocol: 'TCP' | 'UDP';
  host: string;
  port: number;
}

export interface ProxyTarget {
  /** Another pod at the same address is another target. */
  id: string;
  ip: string;
  port: number;
  node: string;
  podUid?: string;
}

/**
 * @param client address of who connects
 * @param tried ids of targets that did not take the connection
 */
export type ChooseTarget = (client: string, tried: ReadonlySet<string>) => ProxyTarget | undefined;

export interface ProxyFront {
  /** Ends connections to all others. */
  keepOnly(alive: ReadonlySet<string>): void;
  /** Why it does not listen; undefined while it does. */
  readonly trouble: string | undefined;
  /** Ends all. */
  close(): void;
}
