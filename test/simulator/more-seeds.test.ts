import { describe } from 'vitest';
import { every, testSeeds } from './bad-days.ts';

/** A file of their own, so that both halves run at once. */
describe('a cluster on bad days of one kind', () => {
  testSeeds(every(2, 2, 90));
});
