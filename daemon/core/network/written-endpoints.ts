import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { Candidate } from './rotation.ts';
import type { PortProtocol } from './service-types.ts';

/** Endpoints that people wrote themselves, for services without a selector: as Endpoints of the service's name, or as EndpointSlices with its label. */

export const ENDPOINTS = 'endpoints';
export const ENDPOINT_SLICES = 'endpointslices.discovery.k8s.io';
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** Addresses with a port that bears the name of a service's port. */
export interface WrittenPort {
  name: string;
  protocol: PortProtocol;
  candidates: Candidate[];
}

interface WrittenAddress {
  ip: string;
  nodeName?: string;
  hostname?: string;
  targetRef?: { kind?: string; name?: string; uid?: string };
}
interface Endpoints {
  subsets?: { addresses?: WrittenAddress[]; notReadyAddresses?: WrittenAddress[]; ports?: WrittenPortFields[] }[];
}
interface WrittenPortFields {
  name?: string;
  port?: number;
  protocol?: PortProtocol;
}
interface EndpointSlice {
  addressType?: string;
  endpoints?: (Omit<WrittenAddress, 'ip'> & {
    addresses?: string[];
    conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean };
  })[];
  ports?: WrittenPortFields[];
}

/** The service that an Endpoints or EndpointSlice object is for. */
export function serviceOf({ object }: DesiredObject, resource: string): ObjectKey | undefined {
  const { name, namespace = '', labels } = object.metadata;
  const service = resource === ENDPOINTS ? name : labels?.[SERVICE_NAME_LABEL];
  return service === undefined ? undefined : objectKey('services', namespace, service);
}

export function portsOfEndpoints({ object }: DesiredObject, self: string): WrittenPort[] {
  return ((object as Endpoints).subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) =>
    ports.map((port) =>
      writtenPort(port, [
        ...addresses.map((it) => candidate(it, port, true, self)),
        ...notReadyAddresses.map((it) => candidate(it, port, false, self)),
      ]),
    ),
  );
}

/** Only the first of several addresses is used, as upstream does. Names (addressType FQDN) lead nowhere. */
export function portsOfSlice({ object }: DesiredObject, self: string): WrittenPort[] {
  const { addressType = 'IPv4', endpoints = [], ports = [] } = object as EndpointSlice;
  if (addressType !== 'IPv4') return [];
  return ports
    .filter(({ port }) => port !== undefined)
    .map((port) =>
      writtenPort(
        port,
        endpoints.flatMap(({ addresses = [], conditions, ...rest }) => {
          const [ip] = addresses;
          if (ip === undefined) return [];
          const { ready = true, terminating = false } = conditions ?? {};
          const serving = conditions?.serving ?? ready;
          return [
            { ...candidate({ ...rest, ip }, port, ready, self), ...(terminating && serving && !ready ? LAST : {}), serving, terminating },
          ];
        }),
      ),
    );
}

const LAST = { rank: 'last', why: 'written down as one that ends' } as const;

function writtenPort({ name = '', protocol = 'TCP' }: WrittenPortFields, candidates: Candidate[]): WrittenPort {
  return { name, protocol, candidates };
}

function candidate(
  { ip, nodeName = '', hostname, targetRef }: WrittenAddress,
  { port = 0 }: WrittenPortFields,
  ready: boolean,
  self: string,
): Candidate {
  const pod = targetRef?.kind === 'Pod' ? targetRef : undefined;
  return {
    ip,
    port,
    node: nodeName,
    local: nodeName === self,
    ...(pod?.name === undefined ? {} : { pod: pod.name }),
    ...(pod?.uid === undefined ? {} : { uid: pod.uid }),
    ...(hostname === undefined ? {} : { hostname }),
    ready,
    serving: ready,
    terminating: false,
    lost: false,
    rank: ready ? 'ready' : 'out',
    why: ready ? 'written down as ready' : 'written down as not ready',
  };
}
