import { defineConfig } from 'vitest/config';

/** Labs of real hosts and engines: one file after the other. */
export default defineConfig({
  test: {
    setupFiles: ['./protocol/polyfill.ts'],
    globalSetup: ['./test/lab/set-up.ts'],
    include: ['test/lab/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    fileParallelism: false,
    pool: 'forks',
  },
});
