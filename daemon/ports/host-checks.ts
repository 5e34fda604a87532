/** What the doctor asks of the host beside what other ports tell. Adapter: system. */
export interface HostChecks {
  /** The file system that the daemon writes to. */
  disk(): Promise<{ path: string; freeBytes: number; totalBytes: number }>;
  /** IPv4 addresses that a name server tells for a name. @throws an error in words: it is silent, or has no such name */
  askName(server: { host: string; port: number }, name: string, timeoutMs: number): Promise<readonly string[]>;
}
