/** Names of the cluster, for a name server. Adapter: dns. */

export type NameRecord = { name: string; ttl: number } & (
  | { type: 'A'; ip: string }
  | { type: 'CNAME' | 'PTR'; target: string }
  | { type: 'SRV'; priority: number; weight: number; port: number; target: string }
);

export interface NameAnswer {
  /** False: there is no such name (NXDOMAIN). True without records: there is, with nothing of this type. */
  exists: boolean;
  records: readonly NameRecord[];
  /** What the asker will want to know next. */
  additional: readonly NameRecord[];
  /** The zone that speaks, for whoever remembers that there is nothing. */
  zone: string;
}

/**
 * @param name lower case, without the last dot
 * @param type `A`, `AAAA`, `SRV`, …; unknown ones as their number
 * @returns undefined for a name that is not the cluster's: ask elsewhere
 */
export type AnswerName = (name: string, type: string) => NameAnswer | undefined;

/** Answers whoever asks for names, and asks elsewhere for those that are not the cluster's. */
export interface NameServer {
  /** From now on; addresses that can not be had are tried for until they can. */
  start(answer: AnswerName): void;
  /** Also at this address of the bridge of pods from now on, where pods are told names; may be called again and again. */
  listenAt(address: string): void;
  /** Where it answers, or tries to; the bridge of pods last. */
  addresses(): readonly { host: string; port: number }[];
  stop(): Promise<void>;
}
