import { objectKey } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import { nodeOf } from './containers.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { existing } from './reading.ts';
import { ApiError } from './status.ts';
import { portNumber } from './streaming/dial.ts';

/** Where a request to a pod or Service goes. */
export interface ProxyTarget {
  node: string;
  podUid: string;
  port: number;
  tls: boolean;
}

interface Asked {
  scheme: string;
  name: string;
  port: string;
}

interface Endpoints {
  subsets?: {
    addresses?: { targetRef?: { kind?: string; uid?: string }; nodeName?: string }[];
    ports?: { name?: string; port: number }[];
  }[];
}

interface ServicePorts {
  spec: { ports?: { name?: string; port: number }[] };
}

/** What a port is where a pod names none. */
const HTTP_PORT = '80';

/**
 * `[SCHEME:]NAME[:PORT]` of a pod or Service. Texts and choices as upstream: pkg/registry/core/pod/strategy.go, core/service/storage.
 * @throws ApiError `BadRequest` | `NotFound` | `ServiceUnavailable`
 */
export function proxyTarget(call: ObjectCall, deps: Pick<ApiDeps, 'objects' | 'random'>): ProxyTarget {
  const singular = call.kind.singular;
  const asked = askedFor(call.name);
  if (asked === undefined) throw new ApiError('BadRequest', `invalid ${singular} request "${call.name}"`);
  const named = { ...call, name: asked.name };
  const found = singular === 'pod' ? ofPod(named, asked, deps) : ofService(named, asked, deps);
  return { ...found, tls: asked.scheme === 'https' };
}

function askedFor(text: string): Asked | undefined {
  const parts = text.split(':');
  if (parts.length > 3) return undefined;
  const [scheme = '', name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts];
  return name === '' || !['', 'http', 'https'].includes(scheme) ? undefined : { scheme, name, port };
}

function ofPod(call: ObjectCall, asked: Asked, deps: Pick<ApiDeps, 'objects'>): Omit<ProxyTarget, 'tls'> {
  const pod = existing(call, deps) as Pod;
  const node = nodeOf(pod);
  if ((pod.status?.podIP ?? '') === '') throw new ApiError('BadRequest', 'address not allowed');
  const first = pod.spec.containers.flatMap(({ ports = [] }) => ports)[0]?.containerPort;
  const text = asked.port === '' ? String(first ?? HTTP_PORT) : asked.port;
  const port = portNumber(text);
  if (port === undefined) throw new ApiError('BadRequest', `invalid pod request "${call.name}": "${text}" is no port from 1 to 65535`);
  return { node, podUid: pod.metadata.uid, port };
}

function ofService(call: ObjectCall, { name, port }: Asked, deps: Pick<ApiDeps, 'objects' | 'random'>): Omit<ProxyTarget, 'tls'> {
  const { ports = [] } = (existing(call, deps) as unknown as ServicePorts).spec;
  let portName = port;
  if (/^[0-9]+$/.test(port)) {
    const declared = ports.find((each) => each.port === Number(port));
    if (declared === undefined) throw new ApiError('ServiceUnavailable', `no service port ${port} found for service "${name}"`);
    portName = declared.name ?? '';
  }
  const endpoints = deps.objects.get(objectKey('endpoints', call.namespace ?? '', name)) as unknown as Endpoints | undefined;
  const choices = (endpoints?.subsets ?? []).flatMap(({ addresses = [], ports: open = [] }) =>
    open
      .filter((each) => (each.name ?? '') === portName)
      .flatMap((each) => addresses.flatMap(({ targetRef, nodeName }) => targetOf(targetRef, nodeName, each.port))),
  );
  const chosen = choices[Math.floor(deps.random.next() * choices.length)];
  if (chosen === undefined) throw new ApiError('ServiceUnavailable', `no endpoints available for service "${name}"`);
  return chosen;
}

/** Pods only: who may use the proxy must not reach whatever this host reaches. */
function targetOf(pod: { kind?: string; uid?: string } | undefined, node: string | undefined, port: number): Omit<ProxyTarget, 'tls'>[] {
  return pod?.kind === 'Pod' && pod.uid !== undefined && node !== undefined ? [{ node, podUid: pod.uid, port }] : [];
}
