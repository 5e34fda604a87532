import path from 'node:path';
import { KithError } from '../../../protocol/errors.ts';
import { readPrivateFile, writePrivateFile } from './files.ts';

/** What makes this peer one of a cluster. Every member holds the CA's key. */
export interface ClusterKeys {
  /** 16 hex digits, from the CA's public key. */
  clusterId: string;
  /** PEM. */
  caCertificate: string;
  /** PEM. */
  caKey: string;
}

const CLUSTER_FILE = 'cluster.json';

/** @throws KithError `IdentityDamaged` */
export async function loadCluster(dataDir: string): Promise<ClusterKeys | undefined> {
  const file = path.join(dataDir, CLUSTER_FILE);
  const bytes = await readPrivateFile(file);
  if (!bytes) return undefined;
  const cluster = parse(new TextDecoder().decode(bytes));
  if (!cluster) {
    const message = `${file} is damaged: restore it from a copy, or remove it and join the cluster again with a token; the peer keeps its identity and its data`;
    throw new KithError('IdentityDamaged', message, { file });
  }
  return cluster;
}

/**
 * Takes the cluster's keys into the data folder. Rotated keys of the same cluster keep its id and replace the old ones.
 * @throws KithError `OtherCluster` when the folder belongs to another one
 */
export async function saveCluster(dataDir: string, cluster: ClusterKeys): Promise<void> {
  await requireCluster(dataDir, cluster.clusterId);
  const { clusterId, caCertificate, caKey } = cluster;
  await writePrivateFile(path.join(dataDir, CLUSTER_FILE), `${JSON.stringify({ version: 1, clusterId, caCertificate, caKey }, null, 2)}\n`);
}

/** @throws KithError `OtherCluster` when the data folder belongs to another cluster than this; a folder of none is fine */
export async function requireCluster(dataDir: string, clusterId: string): Promise<void> {
  const present = await loadCluster(dataDir);
  if (!present || present.clusterId === clusterId) return;
  throw new KithError(
    'OtherCluster',
    `the data folder ${dataDir} belongs to cluster ${present.clusterId}, not to ${clusterId}: start without --join to stay in the former, or choose another --data-dir to join the latter`,
    { dataDir, present: present.clusterId, wanted: clusterId },
  );
}

function parse(text: string): ClusterKeys | undefined {
  try {
    const { clusterId, caCertificate, caKey } = JSON.parse(text) as Partial<Record<keyof ClusterKeys, unknown>>;
    if (typeof clusterId !== 'string' || typeof caCertificate !== 'string' || typeof caKey !== 'string') return undefined;
    return /^[0-9a-f]{16}$/.test(clusterId) ? { clusterId, caCertificate, caKey } : undefined;
  } catch {
    return undefined;
  }
}
