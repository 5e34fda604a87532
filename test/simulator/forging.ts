import type { ObservedRecord, ObservedValue } from '../../protocol/observed.ts';
import type { KubeEvent } from '../../protocol/types.ts';
import { observedSigningBytes } from '../../protocol/wire-observed.ts';
import { fakeIdentity } from '../support/liveness-world.ts';
import type { SimHost } from './host.ts';

/** Far above any incarnation that a host can reach. */
export const FORGED_INCARNATION = 1_000_000;
/** What forged records say, where they can say something. */
export const FORGED = 'forged';

/** A record of each kind in the name of the victim, signed by another: its node, one of its pods, the death of a third, an Event. */
export function forgedRecords(by: SimHost, victim: SimHost, third: SimHost): ObservedRecord[] {
  const facts: [key: string, value: ObservedValue][] = [
    ['node', { kind: 'node', status: {}, version: FORGED }],
    podFact(by, victim),
    [`death/${third.id}`, deathOf(third)],
    [`event/default/${FORGED}`, { kind: 'event', event: eventAbout(victim) }],
  ];
  return facts.map(([key, value], index) => {
    const unsigned = { owner: victim.id, node: victim.node, incarnation: FORGED_INCARNATION, sequence: index + 1, key, value };
    const signature = Buffer.from(fakeIdentity(by.id).sign(observedSigningBytes(unsigned))).toString('base64url');
    return { ...unsigned, signature };
  });
}

function podFact({ daemon }: SimHost, victim: SimHost): [key: string, value: ObservedValue] {
  const pod = [...(daemon?.replica.list('pods') ?? [])].find(({ object }) => object.kith?.binding?.node === victim.node);
  const { uid = FORGED } = pod ?? {};
  const { name, namespace = 'default' } = pod?.object.metadata ?? { name: FORGED };
  return [`pod/${uid}`, { kind: 'pod', uid, namespace, name, status: { phase: 'Failed', message: FORGED } }];
}

function deathOf({ id, node }: SimHost): ObservedValue {
  const at = '2026-01-01T00:00:00Z';
  return {
    kind: 'death',
    peerId: id,
    node,
    incarnation: FORGED_INCARNATION,
    how: 'silent',
    lastSeen: at,
    at,
    membersSeen: 2,
    membersKnown: 2,
  };
}

function eventAbout({ node }: SimHost): KubeEvent {
  const at = '2026-01-01T00:00:00Z';
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: FORGED, namespace: 'default', uid: FORGED, creationTimestamp: at },
    involvedObject: { kind: 'Node', name: node },
    type: 'Warning',
    reason: 'Forged',
    message: FORGED,
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  } as KubeEvent;
}
