import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AutomergeDocuments } from '../../../daemon/adapters/automerge/documents.ts';
import { genesis } from '../../../daemon/adapters/automerge/flat.ts';
import { MAX_CHANGE_BYTES } from '../../../protocol/wire/limits.ts';

const documents = new AutomergeDocuments();
const identity = { clusterId: 'test-cluster', key: 'pods/default/web', life: 1 };
const by = (actor: string, increment = 0) => ({ actor: actor.repeat(32), increment });

describe('the Automerge codec', () => {
  it('starts every life with the same bytes, for ever', () => {
    const golden = JSON.parse(readFileSync(new URL('../../golden/genesis.json', import.meta.url), 'utf8')) as {
      head: string;
      saved: string;
    };
    expect(genesis(identity).head).toBe(golden.head);
    expect(Buffer.from(genesis(identity).saved).toString('hex')).toBe(golden.saved);
    expect(genesis({ ...identity, life: 2 }).head).not.toBe(golden.head);
  });

  it('begins a document whose history was cut with the same bytes, for ever, and makes late edits again by the same change', () => {
    const golden = JSON.parse(readFileSync(new URL('../../golden/cut.json', import.meta.url), 'utf8')) as unknown;
    const first = documents.edit(identity, undefined, [{ path: '/x', value: '1' }], by('a', 1));
    const late = documents.edit(identity, first.saved, [{ path: '/y', value: '2' }], by('b', 1));
    const cut = documents.rewrite(identity, late.saved, first.state.heads)!;
    const next = { ...identity, epoch: cut.epoch };
    const carried = documents.carryOver({ identity, saved: late.saved }, { identity: next, saved: cut.saved });
    const again = documents.rewrite(next, carried.saved, carried.state.heads)!;
    expect(carried.state).toMatchObject({ counter: 3, fields: late.state.fields });
    expect({ epoch: cut.epoch, saved: Buffer.from(cut.saved).toString('hex'), late: carried.state.heads, again: again.epoch }).toEqual(
      golden,
    );
  });

  it('shows every concurrent value, in the same order on both sides, and sums up the counter', () => {
    const left = documents.edit(
      identity,
      undefined,
      [
        { path: '/x', value: '1' },
        { path: '/l', value: '"l"' },
      ],
      by('a', 1),
    );
    const right = documents.edit(identity, undefined, [{ path: '/x', value: '2' }], by('b', 2));
    const onLeft = documents.merge(identity, left.saved, { changes: [right.change!] });
    const onRight = documents.merge(identity, right.saved, { changes: [left.change!] });
    expect(onLeft.state).toEqual(onRight.state);
    expect([...onLeft.state.fields]).toEqual([
      ['/l', ['"l"']],
      ['/x', ['1', '2']],
    ]);
    expect(onLeft.state.counter).toBe(4);
    expect(onLeft.state.heads).toHaveLength(2);
    expect(documents.readAt(onLeft.saved, left.state.heads)?.get('/x')).toEqual(['1']);
    expect(documents.readAt(onLeft.saved, ['00'.repeat(32)])).toBeUndefined();
    const settled = documents.edit(identity, onLeft.saved, [{ path: '/x', value: '2' }], by('c'));
    expect(settled.state.fields.get('/x')).toEqual(['2']);
    expect(settled.state.heads).toHaveLength(1);
  });

  it('saves nothing anew for a change that it has already', () => {
    const { change } = documents.edit(identity, undefined, [{ path: '/x', value: '1' }], by('a'));
    const merged = documents.merge(identity, undefined, { changes: [change!] });
    expect(merged).toMatchObject({ changed: true, missing: false });
    const again = documents.merge(identity, merged.saved, { changes: [change!] });
    expect(again).toEqual({ ...merged, changed: false });
    expect(again.saved).toBe(merged.saved);
  });

  it('makes no change of an edit that changes nothing', () => {
    const first = documents.edit(identity, undefined, [{ path: '/x', value: '1' }], by('a'));
    expect(
      documents.edit(
        identity,
        first.saved,
        [
          { path: '/x', value: '1' },
          { path: '/gone', value: undefined },
        ],
        by('b'),
      ).change,
    ).toBeUndefined();
  });

  it('takes changes twice and says which wait for others', () => {
    const first = documents.edit(identity, undefined, [{ path: '/x', value: '1' }], by('a'));
    const second = documents.edit(identity, first.saved, [{ path: '/x', value: '2' }], by('a'));
    expect(documents.merge(identity, undefined, { changes: [second.change!] })).toMatchObject({ missing: true });
    const both = documents.merge(identity, undefined, { changes: [second.change!, first.change!] });
    expect(both).toMatchObject({ missing: false, changed: true });
    expect(documents.merge(identity, both.saved, { changes: [first.change!] })).toMatchObject({ missing: false, changed: false });
  });

  it('answers what a replica lacks: changes after known heads, the whole document for unknown ones, bounded parts of a long history', () => {
    const first = documents.edit(identity, undefined, [{ path: '/x', value: '1' }], by('a'));
    const second = documents.edit(identity, first.saved, [{ path: '/x', value: '2' }], by('a'));
    expect(documents.changesSince(identity, second.saved, first.state.heads, 10_000)).toEqual({ changes: [second.change] });
    expect(documents.changesSince(identity, second.saved, second.state.heads, 10_000)).toEqual({ changes: [] });
    expect(documents.changesSince(identity, second.saved, ['ab'.repeat(32)], 10_000)).toEqual({ changes: [], document: second.saved });
    expect(documents.changesSince(identity, second.saved, [], 10)).toEqual({ changes: [first.change] });
  });

  it('refuses a document with another beginning', () => {
    const foreign = documents.edit({ ...identity, life: 2 }, undefined, [{ path: '/x', value: '1' }], by('a'));
    expect(() => documents.merge(identity, undefined, { changes: [], document: foreign.saved })).toThrow(
      expect.objectContaining({ code: 'DocumentForeign' }) as Error,
    );
  });

  it('meets damaged bytes with a typed error, or takes what is whole', () => {
    const seed = Date.now() & 0xffff;
    console.log(`seed ${seed}`);
    const good = documents.edit(identity, undefined, [{ path: '/x', value: JSON.stringify('x'.repeat(600)) }], by('a'));
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 });
    const damaged = (source: Uint8Array, edits: [number, number][]): Uint8Array => {
      const copy = Uint8Array.from(source);
      for (const [position, value] of edits) copy[position % copy.length] = value;
      return copy;
    };
    const survive = (run: () => unknown): void => {
      try {
        run();
      } catch (error) {
        expect((error as { code: unknown }).code).toMatch(/^Document(Invalid|Foreign)$/);
      }
    };
    fc.assert(
      fc.property(damage, (edits) => {
        survive(() => documents.merge(identity, undefined, { changes: [damaged(good.change!, edits)] }));
        survive(() => documents.merge(identity, undefined, { changes: [], document: damaged(good.saved, edits) }));
        survive(() => documents.read(damaged(good.saved, edits)));
      }),
      { seed, numRuns: 200 },
    );
    survive(() => documents.merge(identity, undefined, { changes: [new Uint8Array(0)] }));
    expect(documents.read(good.saved).fields.get('/x')).toHaveLength(1);
  });

  it('refuses a change that inflates beyond all bounds', () => {
    const bomb = documents.edit(identity, undefined, [{ path: '/x', value: JSON.stringify('0'.repeat(MAX_CHANGE_BYTES)) }], by('a'));
    expect(bomb.change!.byteLength).toBeLessThan(10_000_000);
    expect(() => documents.merge(identity, undefined, { changes: [bomb.change!] })).toThrow(
      expect.objectContaining({ code: 'DocumentInvalid' }) as Error,
    );
  });

  it('keeps memory flat over thousands of edits', () => {
    let saved = documents.edit(identity, undefined, [{ path: '/x', value: '0' }], by('a')).saved;
    const before = process.memoryUsage().rss;
    const start = saved;
    for (let index = 0; index < 3_000; index += 1)
      saved = documents.edit(identity, start, [{ path: '/x', value: String(index) }], by('b')).saved;
    expect(documents.read(saved).fields.get('/x')).toEqual(['2999']);
    expect((process.memoryUsage().rss - before) / 1_048_576).toBeLessThan(80);
  }, 60_000);
});
