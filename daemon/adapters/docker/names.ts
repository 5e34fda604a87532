import { createHash } from 'node:crypto';
import type { SandboxSpec } from '../../ports/runtime.ts';

/** Whose a container is. We touch none that lacks both our cluster and our node. */
export interface Owner {
  clusterId: string;
  nodeName: string;
}

const PREFIX = 'kith.dev/';
export const LABEL = {
  cluster: `${PREFIX}cluster`,
  node: `${PREFIX}node`,
  podUid: `${PREFIX}pod-uid`,
  podNamespace: `${PREFIX}pod-namespace`,
  podName: `${PREFIX}pod-name`,
  container: `${PREFIX}container`,
  attempt: `${PREFIX}attempt`,
  image: `${PREFIX}image`,
  /** The pod's address in the network of its node. Empty on containers that take their address from a sandbox. */
  address: `${PREFIX}pod-address`,
} as const;

/** Dockerfile line that goes into every image that we make: so that what made it can find it again. It is none of the labels that say whose a container is. */
export const MADE_LABEL = 'LABEL kith.dev/made=true';

/** The `container` label of a sandbox: no container of a pod can have this name. */
export const SANDBOX = 'POD';

export interface ContainerIdentity {
  container: string;
  attempt: number;
  image: string;
  /** Set on what holds the address itself. */
  address?: string;
}

export function containerLabels(
  owner: Owner,
  pod: SandboxSpec,
  { container, attempt, image, address }: ContainerIdentity,
): Record<string, string> {
  return {
    [LABEL.cluster]: owner.clusterId,
    [LABEL.node]: owner.nodeName,
    [LABEL.podUid]: pod.uid,
    [LABEL.podNamespace]: pod.namespace,
    [LABEL.podName]: pod.name,
    [LABEL.container]: container,
    [LABEL.attempt]: String(attempt),
    [LABEL.image]: image,
    // Always set: an image that was committed from one of our containers would hand its own on.
    [LABEL.address]: address ?? '',
  };
}

/** One name for one attempt on one node of one cluster: the engine's refusal of a second one makes creation idempotent. Readable first, exact by the hash. */
export function containerName(labels: Readonly<Record<string, string>>): string {
  const exact = [LABEL.cluster, LABEL.node, LABEL.podUid, LABEL.container, LABEL.attempt].map((label) => labels[label] ?? '').join('\0');
  const hash = createHash('sha256').update(exact).digest('hex').slice(0, 16);
  const readable = [LABEL.podNamespace, LABEL.podName, LABEL.container, LABEL.attempt].map((label) => (labels[label] ?? '').slice(0, 48));
  return `kith_${readable.join('_').replaceAll(/[^A-Za-z0-9_.-]/g, '-')}_${hash}`;
}

/** How names of containers begin that are never started, and become images. */
export function importPrefix({ clusterId, nodeName }: Owner): string {
  return `kith_import_${createHash('sha256').update(`${clusterId}\0${nodeName}`).digest('hex').slice(0, 16)}_`;
}

/**
 * Whether a container is ours. Labels alone prove little: an image committed from one of our containers hands them on to whatever is run from it, so the name must
 * be the one that we give for these labels.
 */
export function isOurs(owner: Owner, labels: Readonly<Record<string, string>>, names: readonly string[]): boolean {
  if (labels[LABEL.cluster] !== owner.clusterId || labels[LABEL.node] !== owner.nodeName || labels[LABEL.podUid] === undefined)
    return false;
  const expected = `/${containerName(labels)}`;
  return names.includes(expected);
}

/** The `filters` query of a list or of events. */
export function ownerFilter(owner: Owner, podUid?: string): { label: string[] } {
  const label = [`${LABEL.cluster}=${owner.clusterId}`, `${LABEL.node}=${owner.nodeName}`];
  return { label: podUid === undefined ? label : [...label, `${LABEL.podUid}=${podUid}`] };
}
