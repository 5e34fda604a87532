import { freshMemory } from '../../daemon/core/reconcile/observe.ts';
import { configSource } from '../../daemon/core/reconcile/config-source.ts';
import { nodeStatus } from '../../daemon/core/reconcile/node-status.ts';
import { planPod } from '../../daemon/core/reconcile/plan.ts';
import type { DesiredObject } from '../../protocol/objects.ts';
import type { ObservedRecord, ObservedValue } from '../../protocol/observed.ts';
import type { Pod } from '../../protocol/types.ts';
import { encodeRecords, observedSigningBytes } from '../../protocol/wire-observed.ts';
import { fakeIdentity } from '../support/liveness-world.ts';
import type { SimDaemon, SimHost } from './host.ts';

/** The incarnation that the hosts' first daemons have: what is said here they have said. */
const INCARNATION = 1;
const VERSION = 'test';

/**
 * Has the founder hear what the other hosts would say of themselves and of the pods that run there: how a cluster stands whose hosts have long run. Their agents come to the same when
 * they start, and say nothing again.
 */
export async function hearHosts(
  founder: SimDaemon,
  hosts: readonly SimHost[],
  pods: ReadonlyMap<string, readonly DesiredObject[]>,
): Promise<void> {
  const { transport } = founder;
  for (const host of hosts) {
    const records = [...(await statementsOf(founder, host, pods.get(host.node) ?? []))].map(([key, value]) => signed(host, key, value));
    transport.receive(host.id, { topic: 'observed', payload: encodeRecords(records) });
  }
}

async function statementsOf(
  { clock, peer }: SimDaemon,
  host: SimHost,
  pods: readonly DesiredObject[],
): Promise<Map<string, ObservedValue | null>> {
  const now = { wall: clock.now(), monotonic: clock.monotonic() };
  const { runtime, facts, node: name } = host;
  const status = nodeStatus(facts, { is: 'up', version: await runtime.version() }, undefined, now);
  const statements = new Map<string, ObservedValue | null>([
    [`death/${host.id}`, null],
    ['node', { kind: 'node', status, version: VERSION }],
  ]);
  const listed = new Map((await runtime.list()).map((pod) => [pod.uid, pod]));
  const node = { name, hostIP: facts.addresses.find(({ type }) => type === 'InternalIP')?.address ?? '' };
  for (const { uid, object } of pods) {
    const pod = object as Pod;
    const { namespace = '' } = pod.metadata;
    const intent = { want: 'run', why: 'it is bound here' } as const;
    const config = configSource(peer.view, namespace);
    const plan = planPod({ uid, intent, pod, listed: listed.get(uid), memory: freshMemory(undefined, now), node, config }, now);
    if (plan.status !== undefined)
      statements.set(`pod/${uid}`, { kind: 'pod', uid, namespace, name: pod.metadata.name, status: plan.status });
  }
  return statements;
}

/** Before all that the host's own daemon says. */
function signed({ id, node }: SimHost, key: string, value: ObservedValue | null): ObservedRecord {
  const plain = JSON.parse(JSON.stringify(value)) as ObservedValue | null;
  const unsigned = { owner: id, node, incarnation: INCARNATION, sequence: 0, key, value: plain };
  return { ...unsigned, signature: Buffer.from(fakeIdentity(id).sign(observedSigningBytes(unsigned))).toString('base64url') };
}
