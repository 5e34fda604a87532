/** Rules of the kernel's packet filter, in tables of ours. */
export interface PacketFilter {
  /** All of the script or nothing of it. @throws KithError `FilterRefused` with the kernel's words */
  apply(script: string, signal?: AbortSignal): Promise<void>;
  /** Names of all tables of IPv4: quick, whatever is in them. @throws KithError `FilterRefused` */
  tables(signal?: AbortSignal): Promise<readonly string[]>;
  /** How a chain reads; undefined where it is not there. Takes longer, the more its table holds. */
  chain(table: string, chain: string, signal?: AbortSignal): Promise<string | undefined>;
  /**
   * What is in the sets and maps of a table, by name, as the kernel tells it. Empty where the table is not there. Takes longer, the more the table holds.
   * @param names of those that are asked for
   */
  elements(table: string, names: ReadonlySet<string>, signal?: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>>;
  /** How a whole table reads, without counters; undefined where it is not there. @throws KithError `FilterRefused` */
  read(table: string, signal?: AbortSignal): Promise<string | undefined>;
  /** How the table would read that this script makes: the kernel makes it where no packet passes. @throws KithError `FilterRefused` */
  rehearse(script: string, table: string, signal?: AbortSignal): Promise<string>;
}
