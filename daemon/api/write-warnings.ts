import { groupResourceOf } from '../../protocol/kinds/kind.ts';
import { type DraftObject, objectKey, type StoredObject } from '../../protocol/objects.ts';
import type { Node, PodSpec } from '../../protocol/types.ts';
import { accountOf, DEFAULT_ACCOUNT } from '../core/accounts/account-volume.ts';
import { podSpecIn } from '../core/pod-security/level.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';

/** Nodes that a warning names; the rest is counted. */
const MAX_NAMED = 5;

type Warned = Pick<ResourceCall, 'kind' | 'namespace'>;
type Known = Pick<ApiDeps, 'objects' | 'desired'>;

/** What the schema can not tell of: what some nodes do not do, and what an object names that is not there. */
export function writeWarnings(call: Warned, draft: DraftObject, before: StoredObject | undefined, deps: Known): string[] {
  const resource = groupResourceOf(call.kind);
  if (resource === 'networkpolicies.networking.k8s.io') return policyWarnings(deps);
  const spec = podSpecIn(resource, draft);
  if (spec === undefined) return [];
  return [...memoryWarnings(spec, deps), ...(resource === 'pods' && before === undefined ? accountWarnings(call, spec, deps) : [])];
}

/** Only rules of the kernel hold traffic back. */
function policyWarnings(deps: Known): string[] {
  const nodes = named(deps, (node) => leadsPackets(node));
  if (nodes === undefined) return [];
  return [
    `NetworkPolicy: holds no traffic back for pods of ${nodes}: it needs kithd as root on Linux with nft and a container engine (kith describe node tells why there is none)`,
  ];
}

/** Only root mounts a folder in memory that holds so much and no more, and only engines mount it into containers. */
function memoryWarnings({ volumes = [] }: PodSpec, deps: Known): string[] {
  const limited = volumes.find(({ emptyDir }) => emptyDir?.medium === 'Memory' && emptyDir.sizeLimit !== undefined);
  if (limited === undefined) return [];
  const isRootBesideEngine = (node: Node): boolean =>
    leadsPackets(node) && node.status?.nodeInfo?.containerRuntimeVersion?.startsWith('process://') !== true;
  const nodes = named(deps, isRootBesideEngine);
  if (nodes === undefined) return [];
  return [`volume "${limited.name}": its sizeLimit is held where kithd is root beside a container engine, which is not known of ${nodes}`];
}

/** Upstream refuses such a pod, but looks for a second first: here the account may be on its way from another peer for longer. */
function accountWarnings({ namespace = '' }: Warned, spec: PodSpec, { desired }: Known): string[] {
  const name = accountOf(spec);
  if (name === DEFAULT_ACCOUNT || desired.read(objectKey('serviceaccounts', namespace, name)) !== undefined) return [];
  return [`serviceaccount "${name}" not found in namespace "${namespace}": the pod waits until it is there`];
}

function leadsPackets({ status }: Node): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'NetworkUnavailable' && is === 'False') === true;
}

/** The nodes of which it does not hold, in words. */
function named({ objects }: Known, holds: (node: Node) => boolean): string | undefined {
  const nodes = (objects.list('nodes').items as readonly Node[]).filter((node) => !holds(node)).map(({ metadata: { name } }) => name);
  if (nodes.length === 0) return undefined;
  const more = nodes.length > MAX_NAMED ? ` and ${nodes.length - MAX_NAMED} more` : '';
  return `${nodes.slice(0, MAX_NAMED).join(', ')}${more}`;
}
