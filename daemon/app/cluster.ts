import type { MemberSpec } from '../../protocol/types.ts';
import { KithError } from '../../protocol/errors.ts';
import { decodeJoinToken } from '../../protocol/token.ts';
import { loadCluster, saveCluster, type ClusterKeys } from '../adapters/identity/cluster.ts';
import { joinCluster } from '../adapters/joining/join.ts';
import { clusterIdOf, createClusterCa, rootHash } from '../adapters/x509/certificates.ts';
import type { Clock } from '../ports/clock.ts';
import type { Identity } from '../ports/identity.ts';
import type { Log } from '../ports/log.ts';

export interface ClusterMembership {
  keys: ClusterKeys;
  how: 'founded' | 'joined' | 'resumed';
  /** Members as the answer to a join named them. */
  members: MemberSpec[];
}

export interface EnterDeps {
  identity: Identity;
  clock: Clock;
  log: Log;
}

export interface EnterOptions {
  dataDir: string;
  token: string | undefined;
  member: MemberSpec;
  signal: AbortSignal;
  /** Rejects where this host could not do what a member does: asked before it becomes one. */
  before?: () => Promise<void>;
  /** The cluster whose state is on disk. */
  held?: string;
  /**
   * Resolves once a later start will know it, whatever ends this one: before the folder belongs to the cluster, what makes it useful must be on disk. Else a kill
   * in between leaves a member that nobody can reach, or a cluster without a member.
   */
  remember(cluster: { founding: string } | { members: readonly MemberSpec[] }): Promise<void>;
}

/**
 * Goes on with the cluster of the data folder, joins one by token, or founds a new one.
 * @throws KithError `OtherCluster` when the token, or what is on disk, is of another cluster than the data folder; what joinCluster and `before` throw
 */
export async function enterCluster(deps: EnterDeps, options: EnterOptions): Promise<ClusterMembership> {
  const { dataDir, token, member, signal } = options;
  const present = await loadCluster(dataDir);
  if (present !== undefined) {
    if (token !== undefined) {
      requireSameCluster(present, token, dataDir);
      deps.log.info('is a member already: --join is not needed, and its token is still unused', { cluster: present.clusterId });
    }
    return { keys: present, how: 'resumed', members: [] };
  }
  if (token === undefined && options.held !== undefined) {
    throw new KithError(
      'OtherCluster',
      `the data folder ${dataDir} holds the state of cluster ${options.held}, and its cluster.json is gone: restore that from a copy, join the cluster again (--join, with a token of another member), or choose another --data-dir`,
    );
  }
  await options.before?.();
  if (token !== undefined) {
    const joined = await joinCluster(deps, { token, member, signal });
    const keys = { clusterId: joined.clusterId, caCertificate: joined.caCertificate, caKey: joined.caKey };
    await options.remember({ members: joined.members });
    await saveCluster(dataDir, keys);
    return { keys, how: 'joined', members: joined.members };
  }
  const ca = await createClusterCa('kith', deps.clock.now());
  const keys = { clusterId: clusterIdOf(ca.certificate), caCertificate: ca.certificate, caKey: ca.key };
  await options.remember({ founding: keys.clusterId });
  await saveCluster(dataDir, keys);
  return { keys, how: 'founded', members: [] };
}

function requireSameCluster(present: ClusterKeys, token: string, dataDir: string): void {
  if (decodeJoinToken(token).rootHash === rootHash(present.caCertificate)) return;
  throw new KithError(
    'OtherCluster',
    `--join: the token is of another cluster than the data folder ${dataDir}, which belongs to ${present.clusterId}. Start without --join to stay in it, or choose another --data-dir`,
  );
}
