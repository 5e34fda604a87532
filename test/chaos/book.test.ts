import { describe, expect, it } from 'vitest';
import { Book, type Shown } from './book.ts';

const shows = (key: string, uid: string, fields: Record<string, string>): Shown => ({ key, uid, fields: new Map(Object.entries(fields)) });

/** A controller `a` whose note was written at its creation. */
function bookOf(): Book {
  const book = new Book();
  book.created('a', 'uid-1', 'acknowledged', new Map([['note', 'w1']]));
  return book;
}

describe('the book of a storm', () => {
  it('is content with what was written last, and with either of two that did not know of each other', () => {
    const book = bookOf();
    book.wrote('a', 'uid-1', 'note', { value: 'w2', saw: 'w1', outcome: 'acknowledged' });
    book.wrote('a', 'uid-1', 'note', { value: 'w3', saw: 'w1', outcome: 'acknowledged' });
    expect(book.check([shows('a', 'uid-1', { note: 'w2' })])).toEqual([]);
    expect(book.check([shows('a', 'uid-1', { note: 'w3' })])).toEqual([]);
    expect(book.acknowledged).toBe(3);
  });

  it('finds an acknowledged write that is lost: what its author had seen is there again', () => {
    const book = bookOf();
    book.wrote('a', 'uid-1', 'note', { value: 'w2', saw: 'w1', outcome: 'unknown' });
    book.wrote('a', 'uid-1', 'note', { value: 'w3', saw: 'w2', outcome: 'acknowledged' });
    for (const value of ['w1', 'w2'])
      expect(book.check([shows('a', 'uid-1', { note: value })])).toEqual([expect.stringContaining('that write is lost')]);
    expect(book.check([shows('a', 'uid-1', {})])).toEqual([expect.stringContaining('which nobody wrote')]);
    expect(book.check([shows('a', 'uid-1', { note: 'w9' })])).toEqual([expect.stringContaining('which nobody wrote')]);
  });

  it('takes what nobody answered as there or not, and what was refused as never written', () => {
    const book = bookOf();
    book.wrote('a', 'uid-1', 'note', { value: 'w2', saw: 'w1', outcome: 'unknown' });
    book.wrote('a', 'uid-1', 'note', { value: 'w3', saw: 'w1', outcome: 'refused' });
    expect(book.check([shows('a', 'uid-1', { note: 'w1' })])).toEqual([]);
    expect(book.check([shows('a', 'uid-1', { note: 'w2' })])).toEqual([]);
    expect(book.check([shows('a', 'uid-1', { note: 'w3' })])).toHaveLength(1);
  });

  it('finds what was made and is gone, what was deleted and is back, and what nobody made', () => {
    const book = bookOf();
    expect(book.check([])).toEqual([expect.stringContaining('is gone')]);
    book.deleted('a', 'uid-1', 'unknown');
    expect(book.check([])).toEqual([]);
    expect(book.check([shows('a', 'uid-1', { note: 'w1' })])).toEqual([]);
    book.deleted('a', 'uid-1', 'acknowledged');
    expect(book.check([shows('a', 'uid-1', { note: 'w1' })])).toEqual([expect.stringContaining('was deleted')]);
    expect(book.check([shows('b', 'uid-2', {})])).toEqual([expect.stringContaining('nobody made')]);
    book.created('b', undefined, 'unknown', new Map());
    expect(book.check([shows('b', 'uid-2', {})])).toEqual([]);
  });

  it('remembers after a calm that was checked what may not come back', () => {
    const book = bookOf();
    book.created('b', 'uid-2', 'acknowledged', new Map());
    book.deleted('b', 'uid-2', 'acknowledged');
    book.wrote('a', 'uid-1', 'note', { value: 'w2', saw: 'w1', outcome: 'acknowledged' });
    const calm = [shows('a', 'uid-1', { note: 'w2' })];
    expect(book.check(calm)).toEqual([]);
    book.settle(calm);
    expect(book.check(calm)).toEqual([]);
    expect(book.check([shows('a', 'uid-1', { note: 'w1' })])).toHaveLength(1);
    expect(book.check([...calm, shows('b', 'uid-2', {})])).toHaveLength(1);
  });
});
