import { randomBytes } from 'node:crypto';
import { AutomergeDocuments } from '../../daemon/adapters/automerge/documents.ts';
import type { Documents } from '../../daemon/ports/documents.ts';
import { DocumentReplica } from '../../daemon/peer/replica/document-replica.ts';
import type { DocumentReplicaOptions } from '../../daemon/peer/replica/document-replica.ts';
import { silentLog } from './silent-log.ts';
import type { MergeUnits } from '../../protocol/kinds/kind.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { StoredObject } from '../../protocol/objects.ts';
import { MemoryStore } from './memory-store.ts';

export const TEST_CLUSTER = 'test-cluster';
const WORKLOAD: MergeUnits = { members: ['/spec'] };
const UNITS: Record<string, MergeUnits> = {
  'deployments.apps': WORKLOAD,
  'replicasets.apps': WORKLOAD,
  pods: { members: [] },
  configmaps: { members: ['/data'] },
};

export interface TestReplica {
  replica: DocumentReplica;
  store: MemoryStore;
}

/** Deterministic when `randomId` is. */
export async function makeReplica(
  options: Partial<DocumentReplicaOptions> = {},
  store: MemoryStore = new MemoryStore(),
  documents: Documents = new AutomergeDocuments(),
): Promise<TestReplica> {
  const randomId = options.randomId ?? (() => randomBytes(16).toString('hex'));
  const replica = new DocumentReplica(
    { store, documents, log: silentLog },
    {
      clusterId: TEST_CLUSTER,
      actor: randomId(),
      mergeUnitsOf: (resource) => UNITS[resource],
      validate: () => undefined,
      randomId,
      ...options,
    },
  );
  await store.open();
  await replica.start();
  return { replica, store };
}

/** The same disk, a new daemon. */
export async function restart({ replica, store }: TestReplica, options: Partial<DocumentReplicaOptions> = {}): Promise<TestReplica> {
  await replica.stop();
  await store.close();
  return makeReplica(options, store);
}

export const CREATED_AT = '2026-01-01T00:00:00Z';

export function deployment(name: string, spec: Record<string, unknown> = { replicas: 1, template: { image: 'a' } }): StoredObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: CREATED_AT },
    spec,
  };
}

export function pod(name: string, extra: Partial<StoredObject> = {}): StoredObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: CREATED_AT },
    spec: { containers: [{ name: 'main', image: 'hello' }] },
    ...extra,
  };
}

export const deploymentKey = (name: string): string => objectKey('deployments.apps', 'default', name);
export const podKey = (name: string): string => objectKey('pods', 'default', name);

/** One round of everything that one has and the other lacks, both ways. */
export async function exchange(left: DocumentReplica, right: DocumentReplica): Promise<void> {
  for (const [to, from] of [
    [left, right],
    [right, left],
  ] as const) {
    const have = Array.from({ length: 256 }, (_, bucket) => [...from.bucket(bucket)]).flat();
    const own = new Map(
      Array.from({ length: 256 }, (_, bucket) => [...to.bucket(bucket)])
        .flat()
        .map((version) => [version.key, version]),
    );
    const envelope = await from.changesSince(
      have.map(({ key }) => own.get(key) ?? { key, life: 0, buried: 0, heads: [] }),
      50_000_000,
    );
    await to.merge(envelope);
  }
}

/** Makes the Deployment `web`; answers its uid. */
export async function createWeb(replica: DocumentReplica, spec?: Record<string, unknown>): Promise<string> {
  const { objects } = await replica.write([{ type: 'create', key: deploymentKey('web'), object: deployment('web', spec) }]);
  return objects[0]!.uid;
}

export async function patchSpec(replica: DocumentReplica, patch: Record<string, unknown>, key = deploymentKey('web')): Promise<void> {
  const { uid, object } = replica.get(key)!;
  const next = { ...object, spec: { ...(object['spec'] as object), ...patch } };
  await replica.write([{ type: 'update', key, uid, base: object, next }]);
}
