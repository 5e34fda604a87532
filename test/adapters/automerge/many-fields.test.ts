import { expect, it } from 'vitest';
import { AutomergeDocuments } from '../../../daemon/adapters/automerge/documents.ts';
import type { DocumentIdentity, FieldEdit } from '../../../daemon/ports/documents.ts';
import { seededRandom, testSeed } from '../../support/virtual-clock.ts';

const identity: DocumentIdentity = { clusterId: 'test', key: 'configmaps/default/many', life: 1 };
const FIELDS = 80;

it('many fields are read at once as each would be alone, whatever was written beside each other', () => {
  const random = seededRandom(testSeed('many fields'));
  const pick = (most: number): number => Math.floor(random.next() * most);
  const documents = new AutomergeDocuments();
  const path = (index: number): string => `/data/key-${index}`;
  const first = Array.from({ length: FIELDS }, (_, index): FieldEdit => ({ path: path(index), value: '"first"' }));
  const begun = documents.edit(identity, undefined, first, { actor: 'aa'.repeat(16), increment: 0 }).saved;
  const saved = [begun, begun, begun];
  let conflicts = 0;
  for (let step = 0; step < 120; step += 1) {
    const [at, from] = [pick(3), pick(3)];
    if (pick(4) === 0) saved[at] = documents.merge(identity, saved[at], { changes: [], document: saved[from]! }).saved;
    else {
      const edits = Array.from({ length: 1 + pick(4) }, () => ({
        path: path(pick(FIELDS / 10)),
        value: pick(4) === 0 ? undefined : `"${pick(3)}"`,
      }));
      saved[at] = documents.edit(identity, saved[at], edits, { actor: `${at}b`.repeat(16), increment: pick(2) }).saved;
    }
    const { fields, heads } = documents.read(saved[at]);
    // The past is asked of one by one.
    expect([...fields]).toEqual([...documents.readAt(saved[at], heads)!]);
    conflicts += [...fields.values()].filter((values) => values.length > 1).length;
  }
  expect(conflicts).toBeGreaterThan(0);
});
