import { expect, it } from 'vitest';
import { measureRest } from './scale.ts';

const REST_MS = 4_000;

it('costs a peer of a wide cluster about what it costs one of a small cluster', async () => {
  const [small, wide] = [await measureRest(12, 1, REST_MS), await measureRest(40, 1, REST_MS)];
  expect(small.messages).toBeGreaterThan(30);
  expect(wide.messages).toBeLessThan(small.messages * 1.5);
  // Where all start at once each does not compare with every other.
  expect(wide.starting['sync']).toBeLessThan(60);
}, 1_200_000);
