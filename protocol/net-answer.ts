/** `GET /kith.dev/v1/net`: what the asked peer believes of the network, the same words that its rules and its proxy are made of. */
export interface NetAnswer {
  node: string;
  podRange: string;
  serviceRange: string;
  clusterDomain: string;
  /** What makes Services work on this host; empty: nothing does. */
  services: { by: readonly string[]; settled: boolean };
  /** How NetworkPolicies are kept on this host (empty: not at all), pods of it that they select, what is wrong, and what they can not hold back here. */
  policies: { by: string; count: number; selectedPods: number; trouble: string; gap?: string };
  nodes: NetNodeRow[];
  table: NetServiceRow[];
}

/** Why an address of a Service can not be had. Of several peers on one machine one has it, for all of them. */
export const TAKEN_HERE = 'another process of this machine listens there';

export interface NetNodeRow {
  node: string;
  state: 'alive' | 'suspected' | 'dead';
  /** Part of the pod range; empty while it has none. */
  podSubnet: string;
  address: string;
}

export interface NetServiceRow {
  namespace: string;
  name: string;
  type: string;
  /** `None` for a headless one. */
  clusterIP: string;
  /** What of it can not be had on this host. */
  troubles: readonly string[];
  ports: NetPortRow[];
}

export interface NetPortRow {
  /** `http 80/TCP`, `80/TCP` */
  port: string;
  nodePort?: number;
  endpoints: NetEndpointRow[];
}

export interface NetEndpointRow {
  /** `IP:PORT` */
  address: string;
  node: string;
  pod?: string;
  inRotation: boolean;
  why: string;
}
