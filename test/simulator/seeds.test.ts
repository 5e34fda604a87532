import { describe } from 'vitest';
import { every, testFaults, testSeeds } from './bad-days.ts';

describe('a cluster in storms', () => {
  testSeeds(every(2, 1, 90));
  testFaults(90);
});
