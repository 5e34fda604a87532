import { describe } from 'vitest';
import { every, testSeeds } from './bad-days.ts';
import { NAMED_PLOTS } from './plots/all.ts';

/** Those that no seed draws by itself. */
describe.each(NAMED_PLOTS.map(({ name }) => name))('a cluster on bad days of %s', (plot) => {
  testSeeds(every(1, 2, 2), plot);
});
