import { DocumentReplica } from '../../daemon/peer/replica/document-replica.ts';
import type { Documents } from '../../daemon/ports/documents.ts';
import type { ChangeEnvelope } from '../../protocol/desired.ts';
import { kindOfResource } from '../../protocol/kinds/registry.ts';
import { objectKey } from '../../protocol/objects.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { silentLog } from '../support/silent-log.ts';
import { CLUSTER } from './cluster.ts';

export const POISONED = objectKey('deployments.apps', 'default', 'poisoned');
const ACTOR = 'b'.repeat(32);

/** An object that no peer here finds valid, as a member with other rules would write it. */
export async function poison(documents: Documents): Promise<ChangeEnvelope> {
  const store = new MemoryStore();
  const replica = new DocumentReplica(
    { store, documents, log: silentLog },
    {
      clusterId: CLUSTER,
      actor: ACTOR,
      randomId: () => ACTOR,
      mergeUnitsOf: (resource) => kindOfResource(resource)?.mergeUnits,
      validate: () => undefined,
    },
  );
  await store.open();
  await replica.start();
  const metadata = { name: 'poisoned', namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z' };
  const spec = { replicas: 'many', selector: { matchLabels: { app: 'poisoned' } }, template: { spec: { containers: 'none' } } };
  const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec };
  const { envelope } = await replica.write([{ type: 'create', key: POISONED, object }]);
  if (envelope === undefined) throw new Error('the poison is empty');
  return envelope;
}
