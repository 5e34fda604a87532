import { describe } from 'vitest';
import { range, testSeeds } from './bad-days.ts';

describe('a cluster on bad days', () => {
  testSeeds(range(1, 40));
});
