import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AutomergeDocuments } from '../../daemon/adapters/automerge/documents.ts';
import type { Documents, DocumentState, FieldEdit } from '../../daemon/ports/documents.ts';
import { LightDocuments } from './light-documents.ts';

const REPLICAS = 3;
const identity = { clusterId: 'test-cluster', key: 'pods/default/web', life: 1 };
const actors = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(32));

type Step =
  | { do: 'edit'; replica: number; actor: number; edits: FieldEdit[]; increment: number }
  | { do: 'send'; from: number; to: number; how: 'since' | 'whole' | 'last' }
  | { do: 'readAt'; replica: number; head: number };

const edit = fc.record({
  path: fc.constantFrom('/x', '/y', '/spec/replicas', '/metadata/labels/a'),
  value: fc.option(fc.constantFrom('1', '2', '"three"'), { nil: undefined }),
});
const distinctEdits = fc.uniqueArray(edit, { maxLength: 3, selector: ({ path }) => path });
const replica = fc.integer({ min: 0, max: REPLICAS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('edit' as const),
    replica,
    actor: fc.constantFrom(0, 1),
    edits: distinctEdits,
    increment: fc.constantFrom(0, 1),
  }),
  fc.record({
    do: fc.constant('send' as const),
    from: replica,
    to: replica,
    how: fc.constantFrom('since' as const, 'whole' as const, 'last' as const),
  }),
  fc.record({ do: fc.constant('readAt' as const), replica, head: fc.integer({ min: 0, max: 3 }) }),
);

/** One implementation with its replicas; hashes are told by the order in which changes were made, since the two hash differently. */
class Side {
  readonly saved: (Uint8Array | undefined)[] = new Array<undefined>(REPLICAS).fill(undefined);
  readonly last: (Uint8Array | undefined)[] = new Array<undefined>(REPLICAS).fill(undefined);
  private readonly documents: Documents;
  private readonly numbers = new Map<string, number>();

  constructor(documents: Documents) {
    this.documents = documents;
  }

  take(step: Step): unknown {
    switch (step.do) {
      case 'edit': {
        // Each replica is its own author, as in a cluster.
        const actor = actors[step.replica] ?? '';
        const { saved, state, change } = this.documents.edit(identity, this.saved[step.replica], step.edits, {
          actor,
          increment: step.increment,
        });
        this.saved[step.replica] = saved;
        if (change !== undefined) this.last[step.replica] = change;
        return { ...this.show(state), made: change !== undefined };
      }
      case 'send':
        return this.send(step);
      case 'readAt': {
        const saved = this.saved[step.replica];
        if (saved === undefined) return undefined;
        const { heads } = this.documents.read(saved);
        const head = this.ordered(heads)[step.head];
        return head === undefined ? undefined : [...(this.documents.readAt(saved, [head]) ?? [])];
      }
    }
  }

  show({ heads, fields, counter }: DocumentState): object {
    return { heads: this.ordered(heads).map((head) => this.numbers.get(head)), fields: [...fields].sort(), counter };
  }

  private send({ from, to, how }: Extract<Step, { do: 'send' }>): unknown {
    const source = this.saved[from];
    const target = this.saved[to];
    if (source === undefined || from === to) return undefined;
    const last = this.last[from];
    const heads = how === 'since' && target !== undefined ? this.documents.read(target).heads : [];
    const sent = how === 'last' ? { changes: last === undefined ? [] : [last] } : this.documents.changesSince(identity, source, heads, 1e9);
    const merged = this.documents.merge(identity, target, sent);
    if (!merged.missing) this.saved[to] = merged.saved;
    const told = { changed: merged.changed, missing: merged.missing, count: sent.changes.length, whole: sent.document !== undefined };
    return merged.missing ? { missing: true } : { ...told, ...this.show(merged.state) };
  }

  /** Hashes that are new are numbered in the order of what they made. */
  private ordered(heads: readonly string[]): string[] {
    for (const head of heads) if (!this.numbers.has(head)) this.numbers.set(head, this.numbers.size);
    return [...heads].sort((left, right) => (this.numbers.get(left) ?? 0) - (this.numbers.get(right) ?? 0));
  }
}

describe('the light documents', () => {
  it('do what Automerge does, whatever is edited, sent and merged', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const [light, real] = [new Side(new LightDocuments()), new Side(new AutomergeDocuments())];
        for (const each of steps) expect(light.take(each)).toEqual(real.take(each));
      }),
      { numRuns: 300 },
    );
  });

  it('refuse a change whose author used its number for another', () => {
    const documents = new LightDocuments();
    const by = { actor: actors[0] ?? '', increment: 0 };
    const one = documents.edit(identity, undefined, [{ path: '/x', value: '1' }], by);
    const other = documents.edit(identity, undefined, [{ path: '/x', value: '2' }], by);
    expect(() => documents.merge(identity, one.saved, { changes: [other.change!] })).toThrow('duplicate seq');
  });
});
