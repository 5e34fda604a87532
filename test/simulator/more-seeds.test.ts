import { describe } from 'vitest';
import { range, testSeeds } from './bad-days.ts';

/** A file of their own, so that both halves run at once. */
describe('a cluster on more bad days', () => {
  testSeeds(range(41, 40));
});
