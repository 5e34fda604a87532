import fc from 'fast-check';
import { expect, it } from 'vitest';
import { renderObject } from '../../../daemon/core/status/render.ts';
import { NODE_STATUS, POD_STATUS } from '../../../protocol/observed-shapes.ts';
import type { NodeReport, ObservedRecord, PodReport } from '../../../protocol/observed.ts';
import { decodeRecords, encodeRecords } from '../../../protocol/wire-observed.ts';
import { ClusterWorld, deploymentObject, podObject, readyStatus } from '../../support/cluster-view.ts';

const SEED = Number(process.env['KITH_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const NODE: NodeReport['status'] = {
  allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
  capacity: { cpu: '4', memory: '8Gi', pods: '110' },
  conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
  addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
};
const POD = { ...readyStatus(0), podIP: '10.0.0.2', podIPs: [{ ip: '10.0.0.2' }], startTime: '2026-01-01T00:00:00Z' };

/** Something of it replaced by anything. */
function spoilt(whole: unknown, names: readonly string[]): fc.Arbitrary<unknown> {
  const pathsOf = (value: unknown): string[][] =>
    typeof value !== 'object' || value === null
      ? [[]]
      : [[], ...Object.entries(value).flatMap(([name, member]) => pathsOf(member).map((path) => [name, ...path]))];
  const paths = [...pathsOf(whole).filter(({ length }) => length > 0), ...names.map((name) => [name])];
  const anything = fc.oneof(
    fc.constantFrom(null, 0, -1, 'x', '', true, [], {}, [null], [7], [{}], { x: null }),
    fc.jsonValue({ maxDepth: 2 }),
  );
  return fc.array(fc.tuple(fc.constantFrom(...paths), anything), { minLength: 1, maxLength: 2 }).map((changes) => {
    const copy = structuredClone(whole) as Record<string, unknown>;
    for (const [path, value] of changes) {
      let parent: unknown = copy;
      for (const name of path.slice(0, -1)) parent = (parent as Record<string, unknown> | undefined | null)?.[name];
      if (typeof parent === 'object' && parent !== null) (parent as Record<string, unknown>)[path.at(-1)!] = structuredClone(value);
    }
    return copy;
  });
}

it('whatever a member says of itself, what is taken of it lets the others decide and show everything', () => {
  let taken = 0;
  const check = (nodeStatus: unknown, podStatus: unknown): void => {
    const world = new ClusterWorld(['node-1', 'node-2']);
    world.addNodes(['node-1', 'node-2']);
    world.create(deploymentObject('web', 2));
    const [pod] = world.create(podObject('alone'));
    world.bind(pod!.key, 'node-2');
    for (let round = 0; round < 4; round += 1) world.decide();
    const unsigned = { owner: 'peer-node-2', node: 'node-2', incarnation: 1, signature: '' };
    const records = [
      { ...unsigned, sequence: 1_000, key: 'node', value: { kind: 'node', version: '0', status: nodeStatus } },
      ...world.pods().map(({ uid, object }, index) => {
        const { name } = object.metadata;
        const value = { kind: 'pod', uid, namespace: 'default', name, status: podStatus } as PodReport;
        return { ...unsigned, sequence: 1_001 + index, key: `pod/${uid}`, value };
      }),
    ] as ObservedRecord[];
    const { records: read } = decodeRecords(encodeRecords(records));
    taken += read.length;
    world.state.applyObserved(read, 1);
    for (let round = 0; round < 3; round += 1) world.decide();
    for (const key of world.state.keys()) renderObject(world.state, key, world.now);
  };
  check(NODE, POD);
  expect(taken).toBe(4);
  const cases = fc.property(spoilt(NODE, Object.keys(NODE_STATUS.members)), spoilt(POD, Object.keys(POD_STATUS.members)), check);
  fc.assert(cases, { seed: SEED, numRuns: 300 });
  // Not all of it is refused.
  expect(taken).toBeGreaterThan(100);
});
