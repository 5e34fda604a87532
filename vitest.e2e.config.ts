import { defineConfig } from 'vitest/config';

/** Whole daemons: two files at a time, since they share the machine's cores and its patience. */
export default defineConfig({
  test: {
    setupFiles: ['./protocol/polyfill.ts'],
    include: ['test/e2e/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
