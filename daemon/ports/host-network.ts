/** This host's own network, as far as pods are concerned: its links, and the ways to the pods of other hosts. */
export interface HostNetwork {
  /** IPv4 addresses of this host, of all its links. */
  addresses(): readonly string[];
  /** Where others may reach this host: its IPv4 addresses but those of bridges of pods, loopback and tunnels. */
  survey(signal?: AbortSignal): Promise<readonly HostAddress[]>;
  /** What the kernel has of ours. */
  present(asked: { protocol: number; tunnel: string }, signal?: AbortSignal): Promise<PresentWays>;
  carryOut(commands: HostCommands, signal?: AbortSignal): Promise<void>;
  /**
   * Lets packets between pods pass this host, what was forwarded to them, and pods' questions for names to it: the kernel forwards, and the engine's own firewall lets these through. Looks first; does nothing
   * where all is well. @returns what it had to set right
   */
  letPass(range: string, owner: string, signal?: AbortSignal): Promise<string[]>;
  /** What `letPass` would look at, as it is; changes nothing. `gateway`: of this host's own pods. */
  inspect(asked: { range: string; owner: string; gateway?: string }, signal?: AbortSignal): Promise<HostPassage>;
  /** Pods on the links of this bridge reach themselves by way of a Service. */
  allowHairpin(subnet: string): Promise<void>;
  /** Whether what passes a bridge between two pods of one host goes through the rules of the kernel's firewall. */
  bridgeFilters(): boolean;
  /** Takes back all that the others did; that the kernel forwards stays, as others may need it. @returns what it removed, a line each */
  remove(asked: { protocol: number; tunnel: string; owner: string }): Promise<string[]>;
}

export interface HostPassage {
  /** The kernel forwards packets. */
  forwards: boolean;
  /** Undefined where the kernel has no such switch. */
  bridgeFilters?: boolean;
  /** What the host's firewall lacks a rule of ours for: `to pods`. Empty where there is no such firewall. */
  missing: readonly string[];
  /** The bridge of pods; undefined while there is none. */
  podLink?: { name: string; mtu: number };
}

export interface HostAddress {
  link: string;
  address: string;
  prefix: number;
  mtu: number;
}

export interface PresentWays {
  routes: readonly { subnet: string; gateway: string; link: string }[];
  neighbours: readonly { address: string; mac: string }[];
  forwarding: readonly { mac: string; end: string }[];
  tunnel?: { device: string; id: number; local: string; mac: string; mtu: number; up: boolean; addresses: readonly string[] };
}

/** Lines for `ip -batch` and `bridge -batch`. */
export interface HostCommands {
  ip: readonly string[];
  bridge: readonly string[];
}
