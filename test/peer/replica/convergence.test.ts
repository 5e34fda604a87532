import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DocumentReplica } from '../../../daemon/peer/replica/document-replica.ts';
import type { ChangeEnvelope, Mutation } from '../../../protocol/desired.ts';
import { canonicalJson } from '../../../protocol/json.ts';
import type { Binding, StoredObject } from '../../../protocol/objects.ts';
import { deployment, deploymentKey, exchange, makeReplica, pod, podKey } from '../../support/replica-world.ts';
import { seededRandom } from '../../support/sync-world.ts';

const REPLICAS = 3;
const AT = '2026-01-02T00:00:00Z';
const KEYS = [deploymentKey('a'), deploymentKey('b'), podKey('p')];

type Step =
  | { do: 'write'; replica: number; key: number; change: Change }
  | { do: 'deliver'; replica: number; envelope: number }
  | { do: 'exchange'; left: number; right: number };
type Change = { type: 'create' } | { type: 'bury' } | { type: 'edit'; field: string; value: number };

const FIELDS = ['spec/replicas', 'spec/template', 'labels/x', 'labels/y', 'finalizers', 'binding', 'slot', 'retired', 'unset'];
const replica = fc.nat(REPLICAS - 1);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Change>({ type: 'create' }) },
  { weight: 1, arbitrary: fc.constant<Change>({ type: 'bury' }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('edit' as const), field: fc.constantFrom(...FIELDS), value: fc.nat(5) }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), replica, key: fc.nat(KEYS.length - 1), change }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('deliver' as const), replica, envelope: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('exchange' as const), left: replica, right: replica }) },
);

function edited(object: StoredObject, field: string, value: number): StoredObject {
  const metadata = { ...object.metadata };
  const spec = { ...(object['spec'] as Record<string, unknown>) };
  const kith = { ...object.kith };
  const binding: Binding = {
    node: `n${value}`,
    membersSeen: value,
    membersKnown: 3,
    term: value % 2,
    by: value % 3 ? 'heir' : 'leader',
    rank: 0,
    at: AT,
  };
  switch (field) {
    case 'spec/replicas':
      spec['replicas'] = value;
      break;
    case 'spec/template':
      spec['template'] = { image: `i${value}`, env: [value] };
      break;
    case 'finalizers':
      metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), `f${value}`])];
      break;
    case 'binding':
      kith.binding = binding;
      break;
    case 'slot':
      kith.slots = { ...kith.slots, [value]: { epoch: value + 1, generation: value } };
      break;
    case 'retired':
      kith.retired = Array.from({ length: value }, (_, slot) => slot);
      break;
    case 'unset':
      delete metadata.labels;
      break;
    default:
      metadata.labels = { ...metadata.labels, [field.slice(-1)]: String(value) };
  }
  return { ...object, metadata, spec, kith };
}

function mutationOf(held: DocumentReplica, key: string, wanted: Change): Mutation | undefined {
  const current = held.get(key);
  if (wanted.type === 'create') {
    const name = key.slice(key.lastIndexOf('/') + 1);
    return current ? undefined : { type: 'create', key, object: key.startsWith('pods') ? pod(name) : deployment(name) };
  }
  if (current === undefined) return undefined;
  if (wanted.type === 'bury') return { type: 'bury', key, uid: current.uid, at: AT };
  return { type: 'update', key, uid: current.uid, base: current.object, next: edited(current.object, wanted.field, wanted.value) };
}

const shown = (held: DocumentReplica): string => canonicalJson([...held.all()].sort((left, right) => (left.key < right.key ? -1 : 1)));

describe('three replicas', () => {
  it('converge whatever is written where and however changes are lost, repeated and reordered; what is buried stays buried', async () => {
    const seed = Date.now() & 0xffffff;
    console.log(`seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), fc.integer(), async (steps, idSeed) => {
        const random = seededRandom(idSeed);
        const randomId = (): string => Buffer.from(random.bytes(16)).toString('hex');
        const replicas = await Promise.all(Array.from({ length: REPLICAS }, async () => (await makeReplica({ randomId })).replica));
        const sent: ChangeEnvelope[] = [];
        const buried = new Map<string, number>();
        for (const held of replicas) held.onWritten((envelope) => sent.push(envelope));
        for (const action of steps) {
          if (action.do === 'write') {
            const mutation = mutationOf(replicas[action.replica]!, KEYS[action.key]!, action.change);
            if (mutation !== undefined) await replicas[action.replica]!.write([mutation]);
          } else if (action.do === 'deliver') {
            const envelope = sent[action.envelope % Math.max(1, sent.length)];
            if (envelope !== undefined) await replicas[action.replica]!.merge(envelope);
          } else if (action.left !== action.right) {
            await exchange(replicas[action.left]!, replicas[action.right]!);
          }
        }
        for (const { tombstones } of sent) for (const { key, life } of tombstones) buried.set(key, Math.max(buried.get(key) ?? 0, life));
        for (let round = 0; round < 2; round += 1) {
          for (let index = 0; index < REPLICAS; index += 1) await exchange(replicas[index]!, replicas[(index + 1) % REPLICAS]!);
        }
        for (const envelope of sent) for (const held of replicas) await held.merge(envelope);
        for (const held of replicas) {
          expect(held.digest()).toEqual(replicas[0]!.digest());
          expect(shown(held)).toBe(shown(replicas[0]!));
          for (const [key, life] of buried) {
            expect(held.buriedLife(key)).toBeGreaterThanOrEqual(life);
            expect(held.get(key)?.life ?? Infinity).toBeGreaterThan(life);
          }
        }
      }),
      { seed, numRuns: 40 },
    );
  }, 120_000);
});
