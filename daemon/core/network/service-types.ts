import type { ObjectKey } from '../../../protocol/objects.ts';

/** Services as whoever routes needs them: resolved to addresses, with the reason why each is in rotation or is not. */
export interface ResolvedService {
  key: ObjectKey;
  uid: string;
  namespace: string;
  name: string;
  type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** Empty for a headless service, for ExternalName, and while it has none. */
  clusterIP: string;
  headless: boolean;
  externalName?: string;
  externalIPs: readonly string[];
  /** Seconds that a client stays with its endpoint; undefined: it does not. */
  affinitySeconds?: number;
  externalTrafficPolicy: TrafficPolicy;
  internalTrafficPolicy: TrafficPolicy;
  /** A headless service without ports has one with the number 0, for its addresses. */
  ports: readonly ResolvedPort[];
}

/** `Local`: only endpoints on the node that traffic comes to. */
export type TrafficPolicy = 'Cluster' | 'Local';
export type PortProtocol = 'TCP' | 'UDP' | 'SCTP';

export interface ResolvedPort {
  /** Empty for the only port of a service. */
  name: string;
  protocol: PortProtocol;
  port: number;
  nodePort?: number;
  appProtocol?: string;
  /** All that were looked at, by pod name, then address. Those that take traffic: {@link targetsOf}. */
  endpoints: readonly ServiceEndpoint[];
}

export interface ServiceEndpoint {
  ip: string;
  port: number;
  /** Empty where whoever wrote it down did not say. */
  node: string;
  /** Its node is the one that this table was made on. */
  local: boolean;
  /** Of a pod. */
  pod?: string;
  uid?: string;
  hostname?: string;
  ready: boolean;
  serving: boolean;
  terminating: boolean;
  /** Its node is dead or no member any more: connections to it are to be ended, so that clients do not hang. */
  lost: boolean;
  /** Takes traffic with the policy `Cluster`. */
  inCluster: boolean;
  /** Takes traffic on this node with the policy `Local`. */
  inLocal: boolean;
  why: string;
}

/** The endpoints that traffic goes to, in the table's order. */
export function targetsOf(port: ResolvedPort, policy: TrafficPolicy): readonly ServiceEndpoint[] {
  return port.endpoints.filter((endpoint) => (policy === 'Local' ? endpoint.inLocal : endpoint.inCluster));
}
